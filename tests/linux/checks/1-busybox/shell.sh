# The shell alone: no other program runs.

### hello
echo hello

### exit-status
exit 7

### exit-status-of-subshell
(exit 3); echo $?
false; echo $?
! false; echo $?

### variables
a=1 b="two words"
echo "$a" "$b" ${c:-default} ${b#two } ${b%% *} ${#b}

### arithmetic
echo $((1 + 2 * 3)) $((7 / 2)) $((7 % 3)) $((1 << 10)) $((0x1f)) $((5 > 3 && 2 > 1))

### functions-and-recursion
fact() { if [ $1 -le 1 ]; then echo 1; else echo $(($1 * $(fact $(($1 - 1))))); fi; }
fact 10

### case-and-patterns
for word in apple banana cherry x; do
    case $word in
    a*) echo "$word: a" ;;
    *n*) echo "$word: n" ;;
    [c-d]*) echo "$word: c or d" ;;
    *) echo "$word: other" ;;
    esac
done

### loops
i=0
while [ $i -lt 5 ]; do i=$((i + 1)); [ $i = 3 ] && continue; echo $i; done
until [ $i = 0 ]; do i=$((i - 1)); done
echo $i

### here-document
x=value
cat <<END
x is $x
$((1 + 1))
END
cat <<'END'
x is $x
END
cat <<-END
	indented
	END

### here-document-large
i=0; text=
while [ $i -lt 3000 ]; do text="$text 0123456789012345678901234567"; i=$((i + 1)); done
cat <<END | wc -c
$text
END

### command-substitution
echo "there are $(echo a b c | wc -w) words"
echo `echo nested $(echo inside)`

### quoting
echo 'single $x' "double \$x" back\ slash "tab	tab"

### set-e
set -e
echo before
false
echo never

### set-u
(set -u; echo $undefined) 2>/dev/null; echo $?

### positional-parameters
set -- one "two three" four
echo $# "$2"; shift; echo $# "$1"
for word in "$@"; do echo "[$word]"; done

### eval-and-getopts
eval 'echo evaluated'
parse() { while getopts ab: option; do echo "$option ${OPTARG:-}"; done; }
parse -a -b value

### read-lines
printf 'one two\nthree four\n' | while read -r first second; do echo "$second $first"; done

### trap-exit
trap 'echo bye' EXIT
echo working

### trap-signal
trap 'echo caught TERM' TERM
kill -TERM $$
echo after

### trap-ignored
trap '' TERM
kill -TERM $$
echo still here

### trap-int-usr1
trap 'echo usr1' USR1
trap 'echo int' INT
kill -USR1 $$; kill -INT $$; kill -USR1 $$

### umask
umask 027; umask; touch file; stat -c %a file; mkdir dir; stat -c %a dir

### working-directory
pwd; mkdir -p a/b; cd a/b; pwd; cd ../..; pwd; cd a; cd - >/dev/null; pwd

### exec-replaces
exec echo replaced
echo never

### exec-redirects
exec 3>file; echo to three >&3; exec 3>&-; cat file
exec 4<file; read line <&4; echo "got $line"

### command-not-found
no-such-program; echo $?

### not-executable
echo text >file; ./file; echo $?

### script-with-interpreter
printf '#!/usr/lib/busybox/sh\necho "run as $0 with $*"\n' >script; chmod +x script; ./script a b

### script-interpreter-with-argument
printf '#!/usr/lib/busybox/sh -e\necho one\nfalse\necho never\n' >script; chmod +x script; ./script; echo $?

### script-missing-interpreter
printf '#!/no/such/shell\n' >script; chmod +x script; ./script; echo $?

### environment
export A=1; B=2; env | grep '^[AB]='; C=3 env | grep '^C='; unset A; env | grep -c '^A='
