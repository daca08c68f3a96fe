# Read by the superuser's interactive shells.
alias ll='ls -l'
alias ls='ls --color=auto'
alias grep='grep --color=auto'
eval "$(dircolors)"
HISTCONTROL=ignoreboth
shopt -s checkwinsize
