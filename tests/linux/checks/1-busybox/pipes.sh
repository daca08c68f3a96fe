# Pipes and redirections.

### pipe-two
echo hello | cat

### pipe-three
printf 'c\na\nb\n' | sort | head -n 2

### pipe-status
true | false; echo $?
false | true; echo $?

### pipe-deep
echo deep | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat

### pipe-deep-large
seq 1 20000 | cat | cat | cat | cat | cat | cat | cat | cat | cat | cat | md5sum

### pipe-broken
yes | head -n 3

### pipe-broken-status
(trap '' PIPE; yes 2>/dev/null; echo "yes: $?" >&2) | head -n 1 >/dev/null

### pipe-larger-than-its-room
head -c 1000000 /dev/zero | wc -c

### pipe-slow-reader
head -c 200000 /dev/zero | (sleep 1; wc -c)

### pipe-slow-writer
(echo one; sleep 1; echo two) | cat

### pipe-to-loop
seq 1 100 | while read n; do echo $((n * n)); done | tail -n 1

### redirect-append
echo one >file; echo two >>file; cat file

### redirect-errors
ls /no/such/file 2>errors; echo $?; wc -l <errors
(echo out; echo err >&2) 2>&1 >/dev/null

### redirect-both
(echo out; echo err >&2) >file 2>&1; sort file

### redirect-to-nowhere
echo x >/no/such/folder/file; echo $?

### redirect-read-write
echo abc >file; exec 3<>file; read line <&3; echo "$line"; echo def >&3; cat file

### redirect-noclobber
echo a >file; set -C; echo b >file; echo $?; cat file

### tee
echo text | tee one two | cat; cat one two

### fifo
mkfifo fifo; echo through >fifo & cat fifo; wait; stat -c %F fifo

### fifo-many
mkfifo fifo; for i in 1 2 3; do echo $i; done >fifo & sort -r fifo; wait

### xargs
seq 1 10 | xargs -n 3 echo
printf 'a b\0c\0' | xargs -0 -n 1 echo

### closed-output
echo x >&- 2>/dev/null; echo $?

### dev-null-zero
wc -c </dev/null; head -c 5 /dev/zero | od -An -tx1; echo x >/dev/null; echo $?

### dev-full
echo x >/dev/full; echo $?

### dev-fd
echo five | cat /dev/fd/0; echo six | cat /dev/stdin; echo seven >/dev/stdout
