# What bash adds to a shell.

### bash-arrays
a=(one two "three four"); a+=(five); echo ${#a[@]} "${a[2]}" "${a[@]:1:2}" "${!a[@]}"

### bash-maps
declare -A m=([x]=1 [y]=2); m[z]=3; for k in "${!m[@]}"; do echo "$k=${m[$k]}"; done | sort

### bash-substitutions
s="hello world"; echo "${s/world/there}" "${s^^}" "${s:6}" "${s//o/0}" "${s#* }"

### bash-braces
echo {1..5} {a..e} x{1,2}y; echo {01..10..3}

### bash-process-substitution
diff <(echo a; echo b) <(echo a; echo c); cat <(echo one) <(echo two)

### bash-process-substitution-out
seq 1 5 > >(sort -r >out); wait $!; sleep 0.3; cat out

### bash-here-string
cat <<<"a string"; read -r a b <<<"one two"; echo "$b $a"

### bash-regular-expressions
[[ "v1.23" =~ ^v([0-9]+)\.([0-9]+)$ ]] && echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"

### bash-arithmetic
((x = 5 ** 3)); echo $x $((x++)) $x; for ((i = 0; i < 3; i++)); do echo $i; done; let y=7%4; echo $y

### bash-pipestatus
true | false | (exit 3); echo "${PIPESTATUS[@]}"; set -o pipefail; false | true; echo $?

### bash-globs
shopt -s extglob globstar nullglob; mkdir -p a/b; touch a/1.c a/b/2.c a/3.h; echo **/*.c; echo a/!(*.c); echo none*

### bash-coprocess
coproc UP { while read -r line; do echo "${line^^}"; done; }
echo hello >&${UP[1]}; read -r answer <&${UP[0]}; echo "$answer"; kill $UP_PID 2>/dev/null; wait 2>/dev/null

### bash-coprocess-many-lines
coproc { while read -r n; do echo $((n * n)); done; }
for n in 1 2 3 4 5; do echo $n >&${COPROC[1]}; read -r square <&${COPROC[0]}; echo $square; done

### bash-trap-err
trap 'echo "failed with $?"' ERR; false; (exit 4); true; echo over

### bash-trap-debug
trap 'echo "+ $BASH_COMMAND"' DEBUG; x=1; echo $x

### bash-trap-return
f() { trap 'echo returning' RETURN; echo in f; }; f

### bash-wait-any
(sleep 0.3; exit 3) & (sleep 0.1; exit 1) & wait -n; echo $?; wait -n; echo $?

### bash-jobs
sleep 5 & sleep 6 & jobs; kill %1 %2; wait; jobs >/dev/null; jobs

### bash-job-control
set -m; sleep 5 & kill -STOP %1; sleep 0.3; jobs; kill -CONT %1; kill %1; wait %1; echo $?

### bash-disown-and-exec
(exec -a renamed busybox sh -c 'echo done' ); echo $?

### bash-mapfile
mapfile -t lines < <(seq 1 5); echo ${#lines[@]} ${lines[3]}

### bash-printf
printf '%(%Y)T\n' 0; printf '%q\n' "a b"; printf -v x '%03d' 7; echo $x

### bash-read-timeout
read -t 0.3 x < <(sleep 2); echo $?; read -n 3 x <<<abcdef; echo $x

### bash-select
select x in a b; do echo "chose $x"; break; done <<<2 2>&1

### bash-subshell-variables
echo $BASHPID >/dev/null; [ $BASHPID = $$ ] && echo same; (((BASHPID != $$)) && echo other); echo $BASH_SUBSHELL; (echo $BASH_SUBSHELL)

### bash-local-and-nameref
f() { local x=inner; local -n r=$1; r=changed; echo $x; }; x=outer y=; f y; echo $x $y

### bash-signals-list
kill -l 9; kill -l TERM; trap -l | head -n 1

### bash-times
times | wc -l; TIMEFORMAT=%R; { time sleep 1; } 2>&1 | cut -d. -f1

### bash-ulimit
ulimit -Sn 100; ulimit -Sn; ulimit -s >/dev/null; echo $?

### bash-forks
for i in {1..500}; do (:); done; echo $?

### bash-pipelines-many
for i in {1..50}; do echo $i | cat | cat >/dev/null; done; echo over

### bash-background-pipeline
(echo a; sleep 0.2; echo b) | cat & wait; echo $?

### bash-errors
bash-static -c 'echo $1; [[ ( ]]' x y 2>/dev/null; echo $?; bash-static -c 'if'  2>/dev/null; echo $?; bash-static --norc -c 'exit 300'; echo $?

### bash-command-file
echo 'echo "from a file: $1"; return 5' >f; . ./f argument; echo $?

### bash-dev-tcp-is-refused
(exec 3<>/dev/tcp/127.0.0.1/9) 2>/dev/null; echo $?

### bash-large-loop
sum=0; for ((i = 0; i < 20000; i++)); do ((sum += i)); done; echo $sum

### bash-stack
f() { if (($1 == 0)); then echo bottom; else f $(($1 - 1)); fi; }; f 500
