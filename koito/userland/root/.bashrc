# Read by the superuser's interactive shells.
alias ll='ls -l'
