# What the system tells about itself.

### proc-self
cat /proc/self/comm; tr '\0' ' ' </proc/self/cmdline; echo; readlink /proc/self/exe; readlink /proc/self/cwd

### proc-self-descriptors
exec 5</etc/passwd; readlink /proc/$$/fd/5; ls /proc/self/fd | head -n 3

### proc-status
grep -E '^(Name|State|Uid|Gid):' /proc/self/status

### proc-stat-fields
wc -w </proc/self/stat; cut -d' ' -f2 /proc/self/stat

### proc-statm
wc -w </proc/self/statm

### proc-maps
grep -c '\[stack\]' /proc/self/maps; grep -c 'r-xp.*busybox' /proc/self/maps

### proc-meminfo
grep -cE '^(MemTotal|MemFree|MemAvailable|Buffers|Cached|SwapTotal|SwapFree):' /proc/meminfo

### proc-mounts
grep -c ' / ext4 ' /proc/mounts; grep -c ' /proc proc ' /proc/mounts

### proc-uptime
awk '{ print ($1 > 0) }' /proc/uptime; wc -w </proc/loadavg

### proc-filesystems
grep -c ext4 /proc/filesystems; grep -c tmpfs /proc/filesystems

### proc-sys
cat /proc/sys/kernel/ngroups_max /proc/sys/kernel/pid_max; wc -l </proc/sys/kernel/osrelease

### proc-environment
A=1 sh -c 'cat /proc/self/environ' | tr '\0' '\n' | grep ^A=

### proc-ends-with-its-process
sleep 100 & p=$!; [ -d /proc/$p ] && echo there; kill $p; wait $p 2>/dev/null; [ -d /proc/$p ] || echo gone

### proc-cannot-be-written
echo x >/proc/self/stat; echo $?; mkdir /proc/x; echo $?; rm /proc/meminfo; echo $?

### devices
for d in null zero full random urandom tty; do stat -c '%n %F %t,%T' /dev/$d; done

### device-permissions
stat -c %a /dev/null /dev/zero; [ -w /dev/null ] && echo writable

### device-folders
[ -d /dev/pts ] && [ -d /dev/shm ] && echo both; echo x >/dev/shm/f; cat /dev/shm/f; rm /dev/shm/f

### file-system-space
df /tmp >/dev/null; echo $?; stat -f -c %T /tmp; stat -f -c %s /

### merged-root
readlink /bin /lib /sbin; stat -c %a /tmp /root

### terminal
cat >keys <<'END'
await # 
type tty
await /dev/pts/
await # 
type stty size
await # 
type exit 3
END
linux-typist keys /usr/bin/busybox sh -i | grep -cE '^/dev/pts/[0-9]+.?$'

### terminal-interrupt
cat >keys <<'END'
await # 
type doze 100
await dozing
keys ^C
await # 
type echo status $?
await status 130
await # 
type exit
END
# The shell may switch the echo off before ^C is shown.
linux-typist keys /usr/bin/busybox sh -i | sed 's/\^C//'

### terminal-end-of-file
cat >keys <<'END'
type one line
await one line
keys half^D
await half
keys ^D^D
END
linux-typist keys /usr/bin/busybox sh -c 'cat >out' >/dev/null; echo $?; cat out

### terminal-erases
cat >keys <<'END'
keys wronh^?g^M
await wrong
keys all gone^Ukept^M
await kept
keys two words^Wlast^M
await last
keys ^D
END
linux-typist keys /usr/bin/busybox cat >/dev/null; echo $?

### terminal-raw
cat >keys <<'END'
await ready
keys abc
await done
END
linux-typist keys /usr/bin/busybox sh -c 'stty -icanon -echo min 3; echo ready; dd bs=3 count=1 2>/dev/null | od -An -c; stty sane; echo done'

### terminal-settings
cat >keys <<'END'
await over
END
linux-typist keys /usr/bin/busybox sh -c 'stty rows 30 cols 100; stty size; stty -a | grep -o "intr = ^C"; stty -echo; stty -a | grep -o -- "-echo "; echo over'

### terminal-stop
cat >keys <<'END'
await # 
type doze 1
await dozing
keys ^Z
await Stopped
await # 
type jobs
await Stopped
await # 
type fg
await doze 1
await # 
type exit
END
linux-typist keys /usr/bin/busybox sh -i | grep -c Stopped

### vi
cat >keys <<'END'
await - f
keys ihello^[
await - f [Modified] 1/1
keys :wq^M
END
linux-typist keys /usr/bin/busybox vi f >/dev/null; cat f

### vi-edits
printf 'one\ntwo\nthree\n' >f
cat >keys <<'END'
await - f
keys jddGonew line^[
await - f [Modified] 3/3
keys :wq^M
END
linux-typist keys /usr/bin/busybox vi f >/dev/null; cat f

### script-on-terminal
cat >keys <<'END'
await name?
type Ada
await Ada!
END
linux-typist keys /usr/bin/busybox sh -c 'echo -n "name? "; read name; echo "Hello $name!"'; echo $?
