# Read by a user's interactive shells.
alias ll='ls -l'
