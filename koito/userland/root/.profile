# Read by the superuser's login shell.
[ -z "$BASH_VERSION" ] || . ~/.bashrc
