# Tools for text.

### sort
printf '10\n9\n2\n33\n1\n' >f; sort f; sort -n f; sort -rn f; sort -u f f | wc -l

### sort-fields
printf 'b 2\na 10\nc 1\n' | sort -k2 -n; printf 'b,2\na,10\n' | sort -t, -k2,2n

### sort-large
seq 1 20000 | sort -r | md5sum; seq 20000 -1 1 | sort -n | md5sum

### uniq
printf 'a\na\nb\na\n' | uniq -c; printf 'a\na\nb\n' | uniq -d

### cut-and-paste
printf 'a:b:c\nd:e:f\n' >f; cut -d: -f2 f; cut -c1,3 f; paste f f; paste -s f

### tr
echo 'Hello World' | tr a-z A-Z; echo aabbcc | tr -s abc; echo a1b2 | tr -d 0-9; echo abc | tr -c b x

### head-and-tail
seq 1 20 >f; head -n 3 f; tail -n 3 f; tail -n +18 f; head -c 5 f

### wc
printf 'one two\nthree\n' | wc; printf 'no newline' | wc -l

### grep
printf 'apple\nBanana\ncherry\n' >f; grep an f; grep -i b f; grep -v a f; grep -c . f; grep -n ch f; grep -E '^(a|c)' f; grep none f; echo $?

### grep-recursive
mkdir -p d/e; echo needle >d/e/f; echo hay >d/g; grep -r needle d; grep -rl needle .

### sed
seq 1 5 | sed 's/3/three/; 2d; $a end'; echo 'a b c' | sed -E 's/(.) (.)/\2 \1/'; seq 1 10 | sed -n '3,5p'

### sed-in-place
seq 1 3 >f; sed -i 's/2/two/' f; cat f

### sed-script
printf 'a\nb\nc\n' | sed -n 'H; ${x; s/\n/,/g; p}'; seq 1 4 | sed 'N; s/\n/ /'

### awk
printf 'a 1\nb 2\nc 3\n' | awk '{ sum += $2 } END { print sum, NR }'; echo 'x:y' | awk -F: '{ print $2 }'

### awk-arrays
printf 'a\nb\na\nc\na\n' | awk '{ n[$1]++ } END { for (k in n) print k, n[k] }' | sort

### awk-functions
awk 'function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } BEGIN { print f(15), toupper("x"), length("four"), substr("hello", 2, 3), index("abc", "c"), sprintf("%05.2f", 3.14159) }'

### awk-pipes
awk 'BEGIN { "echo from a command" | getline x; print x; print "c\nb" | "sort" }'

### diff
printf '1\n2\n3\n' >a; printf '1\ntwo\n3\n' >b; diff a b; echo $?; diff -u a b | tail -n +3; diff a a; echo $?

### patch
printf '1\n2\n3\n' >a; printf '1\ntwo\n3\n' >b; diff -u a b >p; patch a p; cat a

### checksums
printf abc >f; md5sum f; sha1sum f; sha256sum f; sha512sum f; cksum f

### base64
head -c 100 /dev/zero | base64; echo hello | base64 | base64 -d

### od-and-hexdump
printf 'abc\001\377' >f; od -An -tx1 f; od -c f; hexdump -C f; xxd f

### expr-and-bc
expr 3 + 4; expr length hello; echo '2^10; 7/2' | bc; echo '1 2 + p' | dc

### seq-and-factor
seq 1 3; seq 1 2 9; seq -s, 1 5; factor 360 97

### printf
printf '%5d|%-5s|%x|%o|%c|%.3s\n' 42 ab 255 8 z abcdef; printf '%s\n' a b c

### rev-and-fold
echo hello | rev; echo 'a long line of words' | fold -s -w 8; seq 1 3 | tac; echo 'x	y' | expand

### comm-and-join
printf 'a\nb\nc\n' >a; printf 'b\nc\nd\n' >b; cmp a b; comm a b 2>/dev/null || grep -xf a b

### vi-script
printf 'one\ntwo\n' >f; printf 'changed' | ed f >/dev/null 2>&1; printf '2s/two/2/\nw\nq\n' | ed f; cat f

### strings-and-split
printf 'abcd\000\001efgh\000' | strings; seq 1 10 >f; split -l 4 f part; ls part*; cat partac

### shuffle-keeps-all
seq 1 50 | shuf | sort -n | md5sum; seq 1 50 | md5sum

### utf8
printf 'äöü\n' | wc -c; printf 'äöü\n' | od -An -tx1
