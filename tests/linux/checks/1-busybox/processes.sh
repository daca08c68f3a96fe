# Processes, signals, time.

### background
(sleep 1; echo later) & echo now; wait; echo done

### background-status
(exit 5) & wait $!; echo $?

### background-many
for i in 1 2 3; do (sleep $i; echo $i) & done; wait

### kill-child
sleep 100 & pid=$!; kill $pid; wait $pid 2>/dev/null; echo $?

### kill-child-hard
sleep 100 & pid=$!; kill -KILL $pid; wait $pid 2>/dev/null; echo $?

### kill-nobody
kill -0 $$; echo $?; sleep 0 & pid=$!; wait $pid; kill -0 $pid 2>/dev/null; echo $?

### stop-and-continue
(sleep 0.2; echo went on) & pid=$!; kill -STOP $pid; sleep 0.5; echo stopped; kill -CONT $pid; wait $pid; echo $?

### signal-to-group
setsid sh -c 'sleep 100 & sleep 100 & kill -TERM 0; wait' ; echo $?

### trap-while-waiting
trap 'echo woken' USR1; (sleep 0.3; kill -USR1 $$) & wait; echo "status $?"; wait

### trap-in-child
sh -c 'trap "echo child trap; exit 4" TERM; kill -TERM $$; echo never'; echo $?

### child-killed-by-signal
sh -c 'kill -TERM $$'; echo $?; sh -c 'kill -SEGV $$' 2>/dev/null; echo $?

### nohup
nohup sh -c 'echo out' 2>/dev/null | cat

### timeout
timeout 0.5 sleep 10; echo $?; timeout 10 true; echo $?

### time-passes
a=$(date +%s); sleep 2; b=$(date +%s); [ $((b - a)) -ge 2 ] && [ $((b - a)) -le 4 ] && echo about two

### date
date -u -d @1000000000; date -u -d '2020-02-29 12:00' +%s; TZ=EST5 date -d @0 +%H

### subshells
x=1; (x=2; echo $x); echo $x; { x=3; }; echo $x

### forks-hundred
i=0; while [ $i -lt 100 ]; do (exit 0); i=$((i + 1)); done; echo $i

### forks-thousand
i=0; while [ $i -lt 1000 ]; do (:); i=$((i + 1)); done; echo $i

### execs-hundred
i=0; while [ $i -lt 100 ]; do /usr/bin/busybox true; i=$((i + 1)); done; echo $i

### fork-depth
deep() { if [ $1 = 0 ]; then echo bottom; else (deep $(($1 - 1))); fi; }; deep 20

### orphans
(sh -c 'sleep 0.5; echo orphan' &) ; sleep 1; echo parent

### process-identifiers
[ $$ -gt 1 ] && echo fine; sh -c '[ $PPID = '$$' ] && echo my child'; (echo $$) | grep -x $$ >/dev/null && echo same

### process-list
sleep 5 & until grep -q sleep /proc/$!/cmdline; do :; done
ps -o comm | grep -x sleep; kill $!; ps -o pid,comm | grep -c "^ *$$ "

### exit-in-pipeline
exit 3 | exit 4; echo $?

### identity
id -u; id -g; whoami; id -un; groups

### identity-changes
setpriv --reuid 1000 --regid 1000 --clear-groups id 2>/dev/null || su -s /usr/lib/busybox/sh user -c id

### user-may-not
chmod 700 .; setpriv --reuid 1000 ls / >/dev/null; echo $?; setpriv --reuid 1000 cat /etc/shadow 2>/dev/null; echo $?; setpriv --reuid 1000 kill -0 1 2>/dev/null; echo $?

### limits
ulimit -n 50; ulimit -n; ulimit -c 0; ulimit -c

### limit-open-files
ulimit -n 10; exec 3</dev/null 4</dev/null 5</dev/null; (exec 6<. 7<. 8<. 9<.) 2>/dev/null; echo $?

### nice
nice -n 5 nice; nice

### nice-beside-others
while :; do :; done & busy=$!
nice -n 10 sh -c 'for i in 1 2 3; do ls / >/dev/null; done; echo done'; kill $busy

### nice-wakes-others
mkfifo way; (read go <way; while :; do :; done) & busy=$!
nice -n 19 sh -c 'echo go >way'; ls / >/dev/null; echo $?; kill $busy

### uname
uname -s; uname -m; hostname >/dev/null; echo $?

### processors
nproc; grep -c ^processor /proc/cpuinfo

### environment-large
export BIG=$(head -c 60000 /dev/zero | tr '\0' x); sh -c 'echo ${#BIG}'

### arguments-many
set -- $(seq 1 5000); /usr/bin/busybox echo "$@" | wc -w

### arguments-too-large
x=$(head -c 140000 /dev/zero | tr '\0' x); /usr/bin/busybox echo "$x" >/dev/null 2>&1; echo $?

### random
a=$(head -c 16 /dev/urandom | md5sum); b=$(head -c 16 /dev/urandom | md5sum); [ "$a" != "$b" ] && echo differ; head -c 1000 /dev/urandom | wc -c

### terminal-is-none
tty; echo $?; [ -t 0 ]; echo $?; test -t 1; echo $?
### races
# Threads and processes in each other's way: mappings, forks, pipes, locks, signals, ends.
linux-racers 1
