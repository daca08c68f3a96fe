# Bash at a terminal: job control, ^C, ^Z, line editing.

### bash-at-a-terminal
cat >keys <<'END'
await $
type echo $((6 * 7))
await 42
await $
type exit 5
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc --noediting -i; echo $?

### bash-interrupt
cat >keys <<'END'
await $
type doze 100
await dozing
keys ^C
await $
type echo status $?
await status 130
await $
type exit
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc --noediting -i >/dev/null; echo $?

### bash-interrupt-loop
cat >keys <<'END'
await $
type while :; do doze 0.1; done
await dozing
keys ^C
await $
type echo back
await back
await $
type exit 9
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc --noediting -i >/dev/null; echo $?

### bash-stop-and-foreground
cat >keys <<'END'
await $
type doze 1
await dozing
keys ^Z
await Stopped
await $
type jobs
await Stopped
await $
type fg
await doze 1
await $
type echo after
await after
await $
type exit
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc --noediting -i >out; echo $?; grep -c Stopped out

### bash-stop-and-background
cat >keys <<'END'
await $
type doze 1
await dozing
keys ^Z
await Stopped
await $
type bg
await $
type wait
await Done
await $
type exit 6
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc --noediting -i >/dev/null; echo $?

### bash-pipeline-stopped
cat >keys <<'END'
await $
type doze 1 | cat
await dozing
keys ^Z
await Stopped
await $
type fg
await doze
await $
type exit 4
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc --noediting -i >/dev/null; echo $?

### bash-end-of-file-leaves
cat >keys <<'END'
await $
keys ^D
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc --noediting -i | grep -c exit

### bash-edits-lines
cat >keys <<'END'
await $
keys echo wrong^A^K
keys echo rightX^H^M
await right
await $
type exit 8
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc -i >/dev/null; echo $?

### bash-history
cat >keys <<'END'
await $
type echo first
await first
await $
keys ^P^M
await first
await $
type history | wc -l; exit 7
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc -i >/dev/null; echo $?

### bash-completion
touch unmistakable
cat >keys <<'END'
await $
keys echo unm	^M
await unmistakable
keys ^M
await $
type exit 3
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc -i >/dev/null; echo $?

### bash-hangup
cat >keys <<'END'
await $
type trap 'echo hung up >hangup; exit' HUP; kill -HUP $$
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc --noediting -i >/dev/null; cat hangup

### bash-terminal-group
cat >keys <<'END'
await $
type [ "$(ps -o pgid,pid | busybox awk -v p=$$ '$2 == p { print $1 }')" = $$ ] && exit 11
END
PS1='$ ' linux-typist keys /usr/bin/bash-static --norc --noediting -i >/dev/null; echo $?
