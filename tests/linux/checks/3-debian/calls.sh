# Calls that few programs make by themselves, by number where perl has no name for them.

### attributes-of-files
mkdir /var/tmp/x && cd /var/tmp/x && trap 'cd / && rm -r /var/tmp/x' EXIT
touch f; mkdir d; ln -s f l
setfattr -n user.colour -v red f; setfattr -n user.empty f; setfattr -n trusted.note -v 1 d; setfattr -n user.colour -v blue d
getfattr -d -m - f d | sort; getfattr --only-values -n user.colour f; echo
setfattr -x user.empty f; getfattr -n user.empty f 2>&1; getfattr -d l
setfattr -h -n user.x -v 1 l 2>&1; setfattr -n colour -v red f 2>&1; setfattr -n user. -v red f 2>&1
setfattr -n security.note -v kept f; getfattr -n security.note f
head -c 3000 /dev/zero | tr '\0' x >v; setfattr -n user.large -v "$(cat v)" f; getfattr --only-values -n user.large f | cmp - v && echo large
setfattr -n user.larger -v "$(cat v)" f 2>&1; getfattr -d -m - f | wc -l
ls -l f | cut -c 1-10; setfattr -x user.large f; getfattr -d f

### attributes-are-copied
mkdir /var/tmp/x && cd /var/tmp/x && trap 'cd / && rm -r /var/tmp/x' EXIT
echo text >f; setfattr -n user.colour -v red f; cp -a f g; cp f h; getfattr -d f g h
tar --xattrs -cf t.tar f; mkdir u; tar --xattrs -xf t.tar -C u; getfattr -d u/f; mv f moved; getfattr -d moved; ln moved linked; setfattr -n user.colour -v green linked; getfattr -d moved

### attributes-and-users
mkdir -m 777 /var/tmp/x && cd /var/tmp/x && trap 'cd / && rm -r /var/tmp/x' EXIT
touch f; chmod 640 f; setfattr -n user.colour -v red f; setfattr -n trusted.note -v 1 f; chmod 644 f
su user -s /bin/bash -c 'getfattr -d -m - f; setfattr -n user.colour -v blue f 2>&1; getfattr -n trusted.note f 2>&1; touch own; setfattr -n user.colour -v own own; setfattr -n trusted.x -v 1 own 2>&1; getfattr -d own'
chmod 600 f; su user -s /bin/bash -c 'getfattr -n user.colour f 2>&1'

### attributes-by-call
mkdir /var/tmp/x && cd /var/tmp/x && trap 'cd / && rm -r /var/tmp/x' EXIT
touch f; perl -e 'my ($f, $n, $v, $b) = ("f", "user.a", "12345", "." x 9);
sub say { my ($r, $e) = ($_[0], $!); print $r < 0 ? "$e\n" : "$r\n" }
say syscall 188, $f, $n, $v, 5, 2; say syscall 188, $f, $n, $v, 5, 1; say syscall 188, $f, $n, $v, 5, 1; say syscall 188, $f, $n, $v, 5, 4;
say syscall 191, $f, $n, $b, 0; say syscall 191, $f, $n, $b, 3; say syscall 191, $f, $n, $b, 9; print "$b\n"; say syscall 194, $f, $b, 0; say syscall 194, $f, $b, 2;
my $long = "user." . "x" x 251; say syscall 188, $f, $long, $v, 5, 0; my $none = ""; say syscall 188, $f, $none, $v, 5, 0; my $gone = "gone"; say syscall 191, $gone, $n, $b, 9;
open my $h, "<", "f"; say syscall 193, fileno $h, $n, $b, 9; say syscall 199, fileno $h, $n; say syscall 199, fileno $h, $n; say syscall 196, fileno $h, $b, 9'

### tee-between-pipes
perl -e 'pipe A, B; pipe C, D; syswrite B, "twice\n"; my $n = syscall 276, fileno A, fileno D, 100, 0; print "$n\n"; sysread C, $x, 100; sysread A, $y, 100; print $x, $y;
my $e = syscall 276, fileno A, fileno D, 100, 2; print "$e $!\n"; $e = syscall 276, fileno A, fileno B, 1, 0; print "$e $!\n"; $e = syscall 276, fileno B, fileno D, 1, 0; print "$e $!\n"; close B; print syscall(276, fileno A, fileno D, 100, 0), "\n"'

### splice-memory
perl -e 'pipe A, B; my $t = "from memory"; my $v = pack "pQ", $t, length $t; print syscall(278, fileno B, $v, 1, 0), "\n"; my $r = "." x 20; my $w = pack "pQ", $r, 20; print syscall(278, fileno A, $w, 1, 0), " $r\n"; print syscall(278, fileno A, $w, 1, 2), " $!\n"; open F, "<", "/dev/null"; print syscall(278, fileno F, $w, 1, 0), " $!\n"'

### splice-from-pipe-to-pipe
perl -e 'pipe A, B; pipe C, D; syswrite B, "moved"; print syscall(275, fileno A, 0, fileno D, 0, 100, 0), "\n"; sysread C, $x, 100; print "$x\n"; print syscall(275, fileno A, 0, fileno B, 0, 100, 0), " $!\n"'

### open-with-bounds
mkdir -p d/e; echo in >d/f; echo out >f; ln -s ../f d/up; ln -s /etc/passwd d/root; ln -s f d/near; ln -s /f d/top
perl -e 'use Fcntl; sysopen D, "d", O_RDONLY; sub try { my ($path, $resolve) = @_; my $how = pack "QQQ", 0, 0, $resolve; my $fd = syscall 437, fileno D, $path, $how, 24; if ($fd < 0) { print "$path $resolve: $!\n" } else { open my $h, "<&=", $fd; my $line = <$h> // ""; chomp $line; print "$path $resolve: ", substr($line, 0, 4), "\n" } }
for my $r (0, 4, 8, 16) { try($_, $r) for "f", "near", "up", "top", "../f", "e/../f", "e/../../f" } try("root", 8); try("/f", 16); try("/f", 8); try("f", 24); try("f", 64); try("/proc/self/exe", 2);
my $p = "/proc/version"; for my $r (0, 1) { my $how = pack "QQQ", 0, 0, $r; my $x = syscall 437, -100, $p, $how, 24; print $x < 0 ? "$!\n" : "open\n" }
for my $how (pack("QQQ", 0, 0644, 0), pack("QQQ", 1 << 40, 0, 0), pack("QQQ", 0, 0, 0) . "\1" x 8) { my $f = "f"; my $x = syscall 437, -100, $f, $how, length $how; print "$x $!\n" } my $f = "f"; my $short = "\0" x 24; print syscall(437, -100, $f, $short, 16), " $!\n"'

### who-sent-it
perl -e 'use Socket; socketpair A, B, AF_UNIX, SOCK_STREAM, 0; setsockopt B, SOL_SOCKET, 16, 1; print unpack("i", getsockopt B, SOL_SOCKET, 16), "\n"; if (!fork) { syswrite A, "hello"; exit } wait;
my $d = "." x 20; my $iov = pack "PQ", $d, 20; my $c = "\0" x 64; my $m = pack "QQPQPQQ", 0, 0, $iov, 1, $c, 64, 0; my $n = syscall 47, fileno B, $m, 0; my @m = unpack "Q7", $m; my ($len, $level, $kind, $pid, $uid, $gid) = unpack "QiiiII", $c; print "$n $m[5] $len $level $kind ", $pid > 0 && $pid != $$ ? "a child" : $pid, " $uid $gid\n"'

### claims-of-who-sends
perl -e 'use Socket; socketpair A, B, AF_UNIX, SOCK_DGRAM, 0; sub send_as { my $cred = pack "QiiiII", 28, 1, 2, @_; $cred .= "\0" x 4; my $d = "x"; my $iov = pack "PQ", $d, 1; my $m = pack "QQPQPQQ", 0, 0, $iov, 1, $cred, 32, 0; my $n = syscall 46, fileno A, $m, 0; print $n < 0 ? "$!\n" : "$n\n" } send_as($$, 0, 0); send_as(1, 5, 6); $> = 1000; send_as($$, 0, 0); $< = 1000; send_as($$, 0, 0); send_as($$, 1000, 0); send_as(1, 1000, 0)'

### names-of-the-machine
hostname other; hostname; uname -n; cat /proc/sys/kernel/hostname; perl -e 'my $n = "x" x 65; print syscall(170, $n, 65), " $!\n"; my $d = "example.org"; print syscall(171, $d, 11), "\n"; $> = 1000; print syscall(170, $n, 1), " $!\n"'; hostname koito

### foreground-shows
# Who has the terminal has a plus sign.
script -qc 'ps -o stat= -C ps | tail -n 1' /dev/null | tr -d '\r'

### terminal-is-read
# When somebody typed shows at the terminal itself.
perl -e 'use POSIX; my $m = POSIX::open("/dev/ptmx", O_RDWR); my $n = pack "i", 0; my $u = pack "i", 0; ioctl_fd($m, 0x40045431, $u); syscall 16, $m, 0x80045430, $n; my $s = "/dev/pts/" . unpack "i", $n; open S, "<", $s; utime 1000, 1000, $s; POSIX::write($m, "x\n", 2); my $l = <S>; print time - (stat $s)[8] < 60 ? "lately\n" : "never\n"; sub ioctl_fd { syscall 16, @_ }'

### cut-behind-a-mapping
for d in /tmp /var/tmp; do (cd $d; head -c 8192 /dev/zero >m; perl -e 'open F, "+<", "m"; $| = 1; my $a = syscall 9, 0, 8192, 1, 1, fileno F, 0; print ord unpack("P1", pack "Q", $a + 4096); truncate F, 4096; print ord unpack("P1", pack "Q", $a); print unpack("P1", pack "Q", $a + 4096), "there\n"'; echo " $?"; rm m); done 2>/dev/null

### faults-are-counted
perl -e 'sub faults { my $b = "\0" x 144; syscall 98, $_[0], $b; (unpack "Q18", $b)[8] } my $n = faults(0); my $x = "x" x (4 << 20); print faults(0) > $n ? "own\n" : "none\n"; print faults(-1), "\n"; system "true"; print faults(-1) > 0 ? "a child\n" : "no child\n"; open S, "<", "/proc/$$/stat"; my @s = split / /, <S>; print $s[9] > $n && $s[10] > 0 ? "told\n" : "hidden\n"'

### status-of-signals
perl -e '$SIG{USR1} = "IGNORE"; $SIG{USR2} = sub {}; use POSIX; sigprocmask SIG_BLOCK, POSIX::SigSet->new(SIGALRM); kill "ALRM", $$; open S, "<", "/proc/self/status"; /^(SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|Cap)/ && print while <S>'
setpriv --reuid 1000 --regid 1000 --clear-groups grep -E '^Cap(Prm|Eff)' /proc/self/status

### last-capability
cat /proc/sys/kernel/cap_last_cap; cat /proc/self/cgroup

### two-hundred-mebibytes
dd if=/dev/zero of=/dev/null bs=200M count=1 2>&1 | head -n 2

### temporary-file-gets-a-name
perl -e 'my ($tmp, $f, $g, $old) = ("/tmp", "/tmp/named", "/tmp/other", ""); sub try { print $_[0] < 0 ? "$!\n" : "done\n" } my $t = syscall 257, -100, $tmp, 0x410002, 0600; print "none\n" if $t < 0; syscall 1, $t, $tmp, 4; my $p = "/proc/self/fd/$t"; try syscall 265, -100, $p, -100, $f, 0x400; try syscall 265, $t, $old, -100, $g, 0x1000; try syscall 265, -100, $p, -100, $f, 0x400; unlink $f, $g; try syscall 265, -100, $p, -100, $f, 0x400; my $u = syscall 257, -100, $tmp, 0x410082, 0600; $p = "/proc/self/fd/$u"; try syscall 265, -100, $p, -100, $f, 0x400'; ls /tmp/named 2>&1
