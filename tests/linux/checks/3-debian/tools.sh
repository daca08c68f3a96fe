# Dynamic programs: GNU's tools, with their libraries.

### gnu-true
true; echo $?; /usr/bin/true; echo $?

### gnu-ls
mkdir d; touch -d 2020-01-01 d/f; chmod 640 d/f; ls -l --time-style=+%Y d; ls -a d; ls --color=always d | od -An -c | head -n 2

### gnu-versions
ls --version | head -n 1; grep --version | head -n 1; tar --version | head -n 1

### gnu-cp-mv-rm
seq 100 >a; cp --reflink=auto a b; cmp a b; mv -v a c; rm -v b; ln -sv c d; install -m 700 c e; stat -c %a e

### gnu-cp-tree
mkdir -p t/u; echo 1 >t/u/f; ln -s f t/u/l; ln t/u/f t/hard; cp -a t v; find v -printf '%P %y %m %n\n' | sort

### gnu-sort
shuf -i 1-10000 | sort -n | md5sum; seq 10000 | sort -R | sort -n | md5sum; printf 'b\nA\nc\n' | sort -f

### gnu-sort-threads
seq 50000 -1 1 | sort --parallel=4 -n | head -n 2

### gnu-text
seq 10 | paste -sd, ; seq 10 | column -c 40 2>/dev/null | wc -l; seq 100 | numfmt --to=iec | tail -n 1; seq 3 | nl; seq 20 | pr -2 -t -l 10 | head -n 3

### gnu-checksums
seq 1000 >f; sha256sum f | tee s; sha256sum -c s; b2sum f; cksum f

### gnu-find
mkdir -p a/b; touch a/x a/b/y; find . -name '?' -type f -print0 | sort -z | xargs -0 -n1 echo; find a -depth -delete; ls

### gnu-find-exec
for i in $(seq 50); do touch f$i; done; find . -name 'f*' -exec sh -c 'echo $#' _ {} +; find . -name 'f*' -execdir true \; ; echo $?

### gnu-grep
printf 'one\ntwo\nthree\n' | grep -P 't(?=w)'; printf 'a\nb\n' | grep -c .; grep -rn needle . ; echo $?

### gnu-sed
seq 5 | sed -z 's/\n/,/g'; echo; echo abc | sed -E 's/(.)(.)/\U\1\E\2/'; seq 3 >f; sed -i.bak s/2/two/ f; cat f f.bak

### gawk
seq 10 | gawk '{ s += $1 } END { print s, strftime("%Y", 0, 1) }'; echo 'b a' | gawk '{ n = split($0, x); asort(x); print x[1] }'

### mawk
seq 10 | mawk '{ s += $1 * $1 } END { print s }'

### gnu-diff
diff <(seq 5) <(seq 2 6); diff -y -W 20 <(seq 3) <(seq 2 4); diff3 <(seq 3) <(seq 3) <(seq 4); cmp <(echo a) <(echo b); echo $?

### gnu-tar
mkdir t; seq 1000 >t/n; ln -s n t/l; chmod 600 t/n; tar -czf t.tgz t; mv t u; tar -xzf t.tgz; diff -r t u && echo same; stat -c %a t/n; tar -tvf t.tgz --numeric-owner | cut -c 1-10 | sort

### gnu-tar-sparse
truncate -s 10M big; echo x >>big; tar -Scf s.tar big; stat -c %s big; [ $(stat -c %s s.tar) -lt 100000 ] && echo small; mv big old; tar -xf s.tar; cmp big old && echo same

### xz-round-trip
seq 20000 >f; md5sum <f; xz -T1 -1 f; ls; xz -d f.xz; md5sum <f

### gnu-gzip
seq 20000 >f; gzip -k f; gzip -t f.gz; echo $?; zcat f.gz | cmp - f && echo same

### gnu-dd
dd if=/dev/zero of=f bs=64k count=16 conv=fsync status=none; stat -c %s f; dd if=f bs=1M skip=1 status=none | wc -c

### gnu-touch-and-stat
touch -d '2010-10-10 10:10:10.123456789 UTC' f; stat -c '%y %s %F %h' f; touch -r f g; [ f -nt g ] || [ g -nt f ] || echo equal

### gnu-chmod-chown
mkdir d; touch d/f; chmod -R u=rwX,go= d; stat -c %a d d/f; chown -R user:user d; stat -c %U:%G d/f; chmod --reference=d d/f; stat -c %a d/f

### gnu-df-du
df --output=target / | tail -n 1; mkdir d; head -c 10000 /dev/zero >d/f; du -b d/f; sync d/f; echo $?

### gnu-links
echo x >f; ln f g; [ f -ef g ] && echo one; readlink -f /bin/sh; realpath --relative-to=/usr /usr/bin/ls; unlink g; ls; ln -s missing l; readlink -e l; echo $?

### gnu-mktemp
f=$(mktemp -p . x.XXXX); stat -c '%a %s' $f; mktemp -d -p . | wc -c

### gnu-timeout
timeout 0.5 sleep 5; echo $?; { timeout -s KILL 0.5 sleep 5; } 2>/dev/null; echo $?; timeout --preserve-status 0.5 sleep 5; echo $?

### gnu-nice-and-nohup
nice -n 3 nice; nohup true 2>&1 | wc -l; stdbuf -oL echo unbuffered; env -i A=1 env

### gnu-date
date -u -d @86400 +%F; date -u -d '1 Jan 2000 + 30 days' +%F; date -u -d 2024-02-29 +%j

### gnu-split-and-join
seq 100 >f; split -n 4 f; cat x?? | cmp - f && echo same; csplit -s f 50; wc -l <xx01; join <(seq 5) <(seq 3 8)

### gnu-expr-and-seq
expr 5 \* 7; seq -f %03g 3; factor 1234567890; printf '%s\n' "$(numfmt --from=si 2K)"; test 3 -lt 5 && echo less

### bc
echo 'scale=20; 4*a(1)' | bc -l; echo '2^200' | bc

### file-types
echo text >a; printf '\177ELF' >b; ln -s a c; file -b a c; file -b /usr/bin/ls | cut -d, -f1; file -b --mime-type /etc/passwd

### less-as-a-filter
seq 5 | less | tail -n 1

### hostnames
hostname >/dev/null; echo $?; uname -sm; arch; nproc

### id-and-groups
id; id user; groups root; logname 2>/dev/null; getent passwd user; getent group tty

### locale-and-time-zone
TZ=America/New_York date -d @0 +%Z 2>/dev/null | wc -l; LC_ALL=C.UTF-8 printf 'ä' | LC_ALL=C.UTF-8 wc -m

### setpriv-and-runuser
chmod 755 .; setpriv --reuid user --regid user --clear-groups id -un; setpriv --reuid 1000 --regid 1000 --clear-groups touch /root/x; echo $?

### flock
flock lock -c 'echo locked'; (flock -n 9 || exit 1; flock -n lock true; echo inner $?) 9>lock; echo $?

### flock-waits
(flock 9; echo first; sleep 1; echo first ends) 9>lock & sleep 0.3; flock lock echo second; wait

### gnu-wc-and-head
head -c 1M /dev/zero | wc -c; yes | head -n 1000 | wc -l; seq 10 | tail -n 3; (sleep 0.3; echo end >>f) & touch f; timeout 2 tail -f f | head -n 1

### dynamic-loader
ldd /usr/bin/ls | wc -l; /lib64/ld-linux-x86-64.so.2 /usr/bin/echo by hand; LD_PRELOAD=/no/such.so echo x 2>/dev/null

### shell-dash
dash -c 'for i in 1 2 3; do echo $i; done | sort -r'; sh -c 'echo $0'

### bash-dynamic
bash -c 'declare -A a=([x]=1); echo ${a[x]}; read -t 1 l < <(echo in); echo $l'

### nice-and-renice
nice -n 5 sh -c 'nice; renice -n 9 -p $$ >/dev/null; nice; ps -o ni= -p $$'; setpriv --reuid 1000 --clear-groups renice -n -5 -p $$ 2>/dev/null; echo $?

### limit-of-file-size
(ulimit -f 1; head -c 5000 /dev/zero >x) 2>/dev/null; echo $?; wc -c <x; (ulimit -f 1; trap '' XFSZ; head -c 5000 /dev/zero >y) 2>&1 | cut -c 1-20; truncate -s 2000 y

### limit-of-time
{ (ulimit -t 1; while :; do :; done); echo $?; } 2>/dev/null; (ulimit -S -t 1; ulimit -H -t 5; trap 'echo warned; exit 3' XCPU; while :; do :; done); echo $?

### limit-of-memory
{ (ulimit -v 100000; perl -e '$n = 400_000_000; $x = "x" x $n; print "there\n"'); echo $?; (ulimit -v 100000; perl -e '$n = 4_000_000; $x = "x" x $n; print "there\n"'); echo $?; } 2>/dev/null; grep -c unlimited /proc/self/limits

### limit-of-processes
chmod 777 .; setpriv --reuid 1000 --regid 1000 --clear-groups bash -c 'ulimit -u 4; (sleep 0.1 & sleep 0.1 & sleep 0.1 & sleep 0.1 & sleep 0.1 & wait) 2>&1 | grep -c -m 1 "retry"' 2>/dev/null

### time-of-the-processor
perl -e '$i++ while $i < 2_000_000; @t = times; print $t[0] + $t[1] > 0 ? "some\n" : "none\n"; system "perl -e \"\\\$i++ while \\\$i < 2_000_000\""; @t = times; print $t[2] + $t[3] > 0 ? "some\n" : "none\n"'; awk '{ exit $14 + $15 + $16 + $17 >= 0 ? 0 : 1 }' /proc/self/stat; echo $?
