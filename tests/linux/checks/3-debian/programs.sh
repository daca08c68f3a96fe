# Larger programs: perl, procps, util-linux, vim.

### perl
perl -e 'print "hello\n"; my %h = (a => 1, b => 2); print join(",", map { "$_=$h{$_}" } sort keys %h), "\n"'

### perl-files
perl -e 'open my $f, ">", "f" or die; print $f "$_\n" for 1..100; close $f; open $f, "<", "f"; my $s = 0; $s += $_ while <$f>; print "$s\n"; print -s "f", "\n"; unlink "f"; print -e "f" ? "there" : "gone", "\n"'

### perl-in-place
seq 5 >f; perl -pi -e 's/3/three/' f; cat f; perl -ne 'print if /[24]/' f

### perl-processes
perl -e '$| = 1; my $p = fork; if (!$p) { print "child\n"; exit 3 } waitpid $p, 0; print $? >> 8, "\n"; print `echo from a command`; system("false"); print $? >> 8, "\n"'

### perl-pipes
perl -e 'pipe(R, W); if (!fork) { close R; print W "through a pipe\n"; exit } close W; print while <R>; wait; print "status $?\n"'

### perl-signals
perl -e '$SIG{USR1} = sub { print "caught\n" }; kill USR1 => $$; $SIG{ALRM} = sub { die "alarm\n" }; alarm 1; eval { sleep 10 }; print $@'

### perl-sort-large
perl -e 'my @a = map { ($_ * 7919) % 10007 } 1..10006; my @b = sort { $a <=> $b } @a; print "$b[0] $b[-1] ", scalar(@b), "\n"'

### perl-regular-expressions
perl -e '$_ = "key=value; other=thing"; while (/(\w+)=(\w+)/g) { print "$1 -> $2\n" } (my $x = "abc") =~ tr/a-c/A-C/; print "$x\n"; printf "%s\n", join "|", split /,/, "a,b,c"'

### perl-directories
mkdir d; touch d/b d/a; perl -e 'opendir my $d, "d"; print "$_\n" for sort grep { !/^\./ } readdir $d; mkdir "e", 0750; printf "%o\n", (stat "e")[2] & 07777; rename "e", "f"; rmdir "f"; print -d "f" ? 1 : 0, "\n"'

### perl-memory
perl -e 'my $s = "x" x 5_000_000; print length $s, "\n"; my @a = (1) x 100_000; print scalar @a, "\n"'

### perl-time
perl -e 'print scalar gmtime(0), "\n"; my $t = time; select undef, undef, undef, 1.2; print time - $t >= 1 ? "passed\n" : "stood\n"'

### perl-clock
# What the kernel's own library says is what files are given.
perl -e 'my $before = time; open my $f, ">", "f"; print $f 1; close $f; my $at = (stat "f")[9]; my $after = time; print $at >= $before - 1 && $at <= $after + 1 ? "same\n" : "$before $at $after\n"'

### perl-sockets
perl -e 'use Socket; socketpair(A, B, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "$!"; if (!fork) { syswrite B, "by socket\n"; exit } close B; print scalar <A>; wait'

### ps
ps -o pid= -p $$ | tr -d ' ' | grep -x $$ >/dev/null && echo found; ps -o comm= -p $$; ps ax | wc -l | grep -q '[0-9]' && echo listed

### ps-tree
sleep 3 & until ps --ppid $$ -o comm= | grep -x sleep; do :; done; kill $!

### pgrep-and-pkill
sleep 77 & pgrep -f 'sleep 77' | wc -l; pkill -f 'sleep 77'; wait $! 2>/dev/null; echo $?

### free-and-uptime
free | head -n 2 | wc -l; free | awk '/Mem/ { print ($2 > 10000) }'; uptime | grep -c load

### top-once
top -b -n 1 | head -n 1 | cut -c 1-5; top -b -n 1 | grep -c 'PID USER'

### kill-list
kill -l | head -n 1; /usr/bin/kill -L | head -n 1; sleep 9 & /usr/bin/kill $!; wait $!; echo $?

### sysctl
sysctl -n kernel.ostype; sysctl -n kernel.pid_max; pidof bash | wc -l

### script-terminal
script -qec 'tty | cut -c 1-9; echo $((2 + 3))' /dev/null </dev/null; echo $?

### script-status
script -qec 'exit 4' /dev/null </dev/null; echo $?

### util-linux-tools
echo 'a b' | column -t; rev <<<abc; getopt -o ab: -- -a -b x y; whereis -b ls | cut -d' ' -f1,2; namei /bin/sh | wc -l; cal 2 2000 2>/dev/null | wc -l

### hexdump-and-look
printf 'abc' | hexdump -C 2>/dev/null | head -n 1; mcookie | wc -c; uuidgen 2>/dev/null | wc -c; lscpu | grep -c Architecture

### setsid-and-ionice
setsid -w sh -c 'exit 6'; echo $?; taskset -c 0 echo pinned; prlimit --nofile=50 sh -c 'ulimit -n'; chrt -p $$ | wc -l

### fallocate-and-truncate
fallocate -l 100000 /var/tmp/f; stat -c %s /var/tmp/f; rm /var/tmp/f; truncate -s 1M f; stat -c %s f

### mountpoint
mountpoint -q /proc; echo $?; mountpoint -q /etc; echo $?; findmnt -n -o FSTYPE /; lsblk >/dev/null 2>&1; mount | grep -c ' / '

### vim
cat >keys <<'END'
await f
keys ihello from vim^[:wq^M
END
linux-typist keys /usr/bin/vim.tiny -u NONE f >/dev/null; echo $?; cat f

### vim-edits
seq 1 100 >f
cat >keys <<'END'
await 100 lines
keys :50,90d^M:%s/4/four /^M:wq^M
END
linux-typist keys /usr/bin/vim.tiny -u NONE f >/dev/null; echo $?; wc -l f; sed -n 42p f

### less-at-a-terminal
seq 1 200 >f
cat >keys <<'END'
await 2
keys G
await 200
keys q
END
linux-typist keys /usr/bin/less f >/dev/null; echo $?

### bash-login
cat >keys <<'END'
await # 
type echo $0 $HOME
await -bash /root
await # 
type exit 12
END
linux-typist keys /usr/bin/bash -c 'exec -l bash' >/dev/null; echo $?

### bash-resize
cat >keys <<'END'
await # 
type stty rows 40 cols 120; echo $(stty size)
await 40 120
await # 
type exit 2
END
PS1='# ' linux-typist keys /usr/bin/bash --norc --noediting -i >/dev/null; echo $?

### many-processes-at-once
for i in $(seq 100); do sleep 1000 & done; jobs -r | wc -l; kill $(jobs -p); wait 2>/dev/null; echo over

### many-forks-dynamic
for i in $(seq 100); do /usr/bin/true; done; echo $?

### process-tree
f() { if [ $1 -gt 0 ]; then (f $(($1 - 1))) & (f $(($1 - 1))) & wait; else echo leaf; fi; }; f 5 | wc -l

### memory-is-returned
for i in $(seq 20); do perl -e 'my $x = "x" x 10_000_000; print length $x, "\n"'; done | uniq -c

### segmentation-fault
{ perl -e 'kill SEGV => $$'; } 2>/dev/null; echo $?; { bash -c 'kill -ABRT $$'; } 2>/dev/null; echo $?

### large-file-on-disk
head -c 20000000 /dev/zero >/var/tmp/large; wc -c </var/tmp/large; cp /var/tmp/large /var/tmp/larger; cmp /var/tmp/large /var/tmp/larger && echo same; rm /var/tmp/large /var/tmp/larger

### compile-a-table
awk 'BEGIN { for (i = 1; i <= 12; i++) { for (j = 1; j <= 12; j++) printf "%4d", i * j; print "" } }' | md5sum
