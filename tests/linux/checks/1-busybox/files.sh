# Files and folders, in memory (/tmp) and on the disk (/var/tmp).

### file-round-trip
echo contents >file; cat file; wc -c file

### file-on-disk
cd /var/tmp; rm -rf on-disk; mkdir on-disk; cd on-disk
seq 1 5000 >numbers; md5sum numbers; sync; md5sum numbers; cd ..; rm -r on-disk; ls on-disk

### copy
seq 1 1000 >a; cp a b; cmp a b && echo same; cp -p a c; [ c -nt a ] || echo kept

### copy-tree
mkdir -p t/a/b t/c; echo 1 >t/a/1; echo 2 >t/a/b/2; ln -s a/1 t/link
cp -a t u; find u | sort; readlink u/link; diff -r t u && echo same

### move
echo x >a; mv a b; ls; mkdir d; mv b d; ls d

### move-replaces
echo a >a; echo b >b; mv a b; cat b; ls

### move-between-file-systems
echo x >/tmp/check/a; mv /tmp/check/a /var/tmp/moved; cat /var/tmp/moved; rm /var/tmp/moved

### remove
touch a b; rm a; ls; rm c; echo $?; rm -f c; echo $?

### remove-tree
mkdir -p a/b/c; touch a/1 a/b/2 a/b/c/3; rmdir a; echo $?; rm -r a; ls

### open-and-removed
echo kept >file; exec 3<file; rm file; cat <&3

### hard-link
echo x >a; ln a b; stat -c %h a; echo y >>b; cat a; rm a; stat -c %h b

### symbolic-link
echo x >a; ln -s a b; cat b; readlink b; rm a; cat b; echo $?; ls

### symbolic-link-loop
ln -s a b; ln -s b a; cat a; echo $?

### symbolic-link-chain
echo end >0; for i in 1 2 3 4 5 6 7 8; do ln -s $((i - 1)) $i; done; cat 8; realpath 8

### link-to-folder
mkdir -p d/e; ln -s d l; echo x >l/e/f; cat d/e/f; cd l/e; pwd; pwd -P

### permissions
touch f; chmod 640 f; stat -c '%a %A' f; chmod u+x,g-r,o=w f; stat -c '%a %A' f; chmod 4755 f; stat -c %A f

### permissions-of-folders
mkdir d; chmod 1777 d; stat -c %A d; chmod 2750 d; stat -c %A d

### owner
touch f; chown 1000:1000 f; stat -c '%u %g %U %G' f; chown root f; stat -c '%u %g' f

### times
touch -d '2001-02-03 04:05:06' f; stat -c '%y %Y' f; touch g; [ g -nt f ] && echo newer; date -r f

### size-of-holes
dd if=/dev/zero of=f bs=1 count=1 seek=99999 2>/dev/null; stat -c %s f; wc -c <f; od -An -tx1 -N 3 f

### truncate
seq 1 100 >f; truncate -s 10 f; cat f; truncate -s 20 f; stat -c %s f; od -c f | tail -n 2

### dd
seq 1 1000 >f; dd if=f of=g bs=100 skip=2 count=3 2>/dev/null; cat g; dd if=/dev/zero bs=4096 count=10 2>/dev/null | wc -c

### write-in-the-middle
echo 0123456789 >f; printf XY | dd of=f bs=1 seek=3 conv=notrunc 2>/dev/null; cat f

### many-files
i=0; while [ $i -lt 300 ]; do echo $i >file$i; i=$((i + 1)); done; ls | wc -l; cat file* | md5sum; rm file*; ls | wc -l

### many-files-on-disk
mkdir /var/tmp/many; cd /var/tmp/many; i=0; while [ $i -lt 200 ]; do echo $i >file$i; i=$((i + 1)); done
ls | wc -l; cat file* | md5sum; cd ..; rm -r many; ls -d many

### deep-folders
d=.; i=0; while [ $i -lt 50 ]; do d=$d/d; i=$((i + 1)); done; mkdir -p $d; echo deep >$d/f; find . -type f | wc -c; cat $d/f

### long-names
name=$(printf '%0255d' 1); touch $name; ls | wc -c; touch ${name}0; echo $?

### odd-names
touch 'a b' "it's" -- '-dash' '*'; ls; rm -- '-dash' '*'; ls

### globbing
touch a1 a2 b1 .hidden; echo *; echo a*; echo ?1; echo [ab]2; echo .h*; echo none*

### list-long
touch -d '2020-01-01' f; chmod 644 f; mkdir d; touch -d '2020-01-01' d; ln -s f l; ls -ln f; ls -ld d | cut -c 1-10; ls -F

### find
mkdir -p a/b; touch a/1.txt a/b/2.txt a/b/3.c; find . -name '*.txt' | sort; find . -type d | sort
find . -name '*.c' -exec echo found {} \;; find a -newer a/1.txt -type f | wc -l

### find-root
find / -maxdepth 1 -name 'u*'; find /usr/bin -name 'base64'; find /etc -name passwd -size -10k

### test-kinds
touch f; mkdir d; ln -s f l; mkfifo p
for name in f d l p none /dev/null /dev/tty; do
    for kind in e f d L p c b; do [ -$kind $name ] && echo -n "$kind "; done; echo "$name"
done

### disk-use
mkdir d; head -c 100000 /dev/zero >d/f; stat -c %s d/f; du -s -b d 2>/dev/null | wc -l

### tar-round-trip
mkdir -p t/a; seq 1 500 >t/a/n; ln -s a/n t/l; chmod 600 t/a/n; tar cf t.tar t; mv t u; tar xf t.tar
diff -r t u && echo same; stat -c %a t/a/n; readlink t/l; tar tf t.tar | sort

### tar-gzip-round-trip
mkdir t; seq 1 3000 >t/n; tar czf t.tgz t; rm -r t; tar xzf t.tgz; md5sum t/n

### gzip-round-trip
seq 1 5000 >f; md5sum <f; gzip f; ls; gunzip f.gz; md5sum <f

### bzip2-round-trip
seq 1 5000 >f; bzip2 f; ls; bunzip2 f.bz2; md5sum f

### cpio-round-trip
mkdir t; echo 1 >t/a; echo 2 >t/b; find t | sort | cpio -o -H newc >c 2>/dev/null; rm -r t; cpio -i <c 2>/dev/null; cat t/a t/b

### temporary-files
f=$(mktemp); [ -f "$f" ] && stat -c %a "$f"; d=$(mktemp -d); stat -c %a "$d"; rm -r "$f" "$d"

### rename-folder
mkdir a; touch a/f; mv a b; ls b; mkdir c; mv b c; ls c/b; mv c c/b; echo $?

### unwritable
touch f; chmod 444 f; setpriv --reuid 1000 sh -c 'echo x >f' 2>/dev/null; echo $?; echo root >f; cat f
