//! Under construction in this change series.
