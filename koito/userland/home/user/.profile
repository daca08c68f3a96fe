# Read by a user's login shell.
[ -z "$BASH_VERSION" ] || . ~/.bashrc
