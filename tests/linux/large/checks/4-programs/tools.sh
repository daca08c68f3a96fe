# Databases, compilers, version control, terminals.

### sqlite
sqlite3 db 'create table t (a, b); insert into t values (1, "x"), (2, "y");' '.mode column' 'select * from t order by a desc;' 'pragma integrity_check;'; sqlite3 db .dump; ls db*

### sqlite-many
seq 2000 | sed 's/.*/insert into n values (&);/' >in; (echo 'create table n (v integer);begin;'; cat in; echo 'commit;select count(*), sum(v), avg(v) from n;') | sqlite3 big; sqlite3 big 'create index i on n (v); select v from n where v = 1234; vacuum; pragma integrity_check;'

### sqlite-two-writers
sqlite3 d 'create table t (v);'; for w in 1 2; do for i in 1 2 3 4 5; do sqlite3 -cmd '.timeout 20000' d "insert into t values ($w);"; done & done >/dev/null; wait; sqlite3 d 'select v, count(*) from t group by v;'

### tcc
cat >a.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) { int *p = malloc(400); for (int i = 0; i < 100; i++) p[i] = i * i; printf("%d %d %s\n", argc, p[99], argv[argc - 1]); free(p); return 7; }
END
tcc -o a a.c && ./a one two; echo $?; tcc -run a.c run; echo $?

### gcc
cat >a.c <<'END'
#include <stdio.h>
#include <string.h>
struct point { double x, y; };
static double area(struct point *p, int n) { double a = 0; for (int i = 0; i < n; i++) a += p[i].x * p[(i + 1) % n].y - p[(i + 1) % n].x * p[i].y; return a / 2; }
int main(void) { struct point p[] = {{0, 0}, {4, 0}, {4, 3}, {0, 3}}; printf("%.2f %zu\n", area(p, 4), strlen("linked")); return 0; }
END
gcc -O2 -Wall -o a a.c; echo $?; ./a; gcc -S -O1 -o - a.c | grep -c main; echo 'int main(void) { return x; }' | gcc -xc - 2>&1 | grep -c error

### gcc-library-and-make
cat >Makefile <<'END'
all: main
main: main.o libf.a
	gcc -o $@ main.o -L. -lf
libf.a: f.o g.o
	ar rcs $@ $^
%.o: %.c f.h
	gcc -O1 -c -o $@ $<
clean:
	rm -f *.o *.a main
END
echo 'int f(int); int g(int);' >f.h; echo '#include "f.h"
int f(int x) { return g(x) + 1; }' >f.c; echo '#include "f.h"
int g(int x) { return x * 2; }' >g.c; echo '#include <stdio.h>
#include "f.h"
int main(void) { printf("%d\n", f(20)); return 0; }' >main.c
make -s -j2 && ./main; make; touch g.c; make -n | wc -l; make clean; ls

### gcc-shared-library
echo 'int f(void) { return 42; }' >f.c; echo '#include <stdio.h>
#include <dlfcn.h>
int f(void); int main(void) { void *h = dlopen("./libf.so", RTLD_NOW); int (*g)(void) = dlsym(h, "f"); printf("%d %d\n", f(), g()); return 0; }' >m.c
gcc -shared -fPIC -o libf.so f.c && gcc -o m m.c -L. -lf && LD_LIBRARY_PATH=. ./m; nm -D libf.so | grep ' f$' | cut -d' ' -f2-; strip m && LD_LIBRARY_PATH=. ./m

### gcc-threads
echo '#include <pthread.h>
#include <stdio.h>
static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; static long n; static __thread int t;
static void *work(void *p) { for (int i = 0; i < 20000; i++) { pthread_mutex_lock(&m); n++; pthread_mutex_unlock(&m); t++; } return (void *)(long)t; }
int main(void) { pthread_t a[4]; void *r; long s = 0; for (int i = 0; i < 4; i++) pthread_create(a + i, 0, work, 0); for (int i = 0; i < 4; i++) { pthread_join(a[i], &r); s += (long)r; } printf("%ld %ld %d\n", n, s, t); return 0; }' >t.c
gcc -O1 -pthread -o t t.c && ./t

### gcc-robust-and-priority-locks
echo '#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
static pthread_mutex_t *make(int robust, int protocol, int shared) { pthread_mutex_t *m = mmap(0, 4096, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0); pthread_mutexattr_t a; pthread_mutexattr_init(&a); pthread_mutexattr_setrobust(&a, robust); pthread_mutexattr_setprotocol(&a, protocol); pthread_mutexattr_setpshared(&a, shared); pthread_mutex_init(m, &a); return m; }
static int n; static void *work(void *p) { for (int i = 0; i < 5000; i++) { pthread_mutex_lock(p); n++; pthread_mutex_unlock(p); } return 0; }
static void *hold(void *p) { pthread_mutex_lock(p); return 0; }
int main(void) { pthread_t a[3];
 pthread_mutex_t *m = make(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_SHARED);
 if (fork() == 0) { pthread_mutex_lock(m); _exit(0); } wait(0);
 int e = pthread_mutex_lock(m), c = pthread_mutex_consistent(m); printf("%d %d %d\n", e == EOWNERDEAD, c, pthread_mutex_unlock(m));
 m = make(PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_PRIVATE);
 pthread_create(a, 0, hold, m); pthread_join(a[0], 0); e = pthread_mutex_lock(m); c = pthread_mutex_consistent(m); printf("%d %d %d\n", e == EOWNERDEAD, c, pthread_mutex_unlock(m));
 m = make(PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT, PTHREAD_PROCESS_PRIVATE);
 for (int i = 0; i < 3; i++) pthread_create(a + i, 0, work, m); for (int i = 0; i < 3; i++) pthread_join(a[i], 0); printf("%d\n", n); return 0; }' >r.c
gcc -pthread -o r r.c && ./r

### gcc-timers-and-signals
echo '#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
static volatile int n, v; static void ring(int s, siginfo_t *i, void *c) { n++; v = i->si_value.sival_int; }
int main(void) { struct sigaction a = {.sa_sigaction = ring, .sa_flags = SA_SIGINFO}; sigaction(SIGRTMIN, &a, 0);
 struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 77}; timer_t t; timer_create(CLOCK_MONOTONIC, &e, &t);
 struct itimerspec i = {{0, 20000000}, {0, 20000000}}; timer_settime(t, 0, &i, 0); while (n < 3) pause(); timer_delete(t); printf("%d %d\n", n >= 3, v);
 sigset_t s; sigemptyset(&s); sigaddset(&s, SIGUSR1); sigaddset(&s, SIGRTMIN + 1); sigprocmask(SIG_BLOCK, &s, 0); int f = signalfd(-1, &s, SFD_NONBLOCK);
 struct signalfd_siginfo q[4]; printf("%zd\n", read(f, q, sizeof q)); union sigval w = {.sival_int = 5}; sigqueue(getpid(), SIGRTMIN + 1, w); w.sival_int = 6; sigqueue(getpid(), SIGRTMIN + 1, w); raise(SIGUSR1);
 struct pollfd p = {f, POLLIN, 0}; int r = poll(&p, 1, 1000); printf("%d %zd", r, read(f, q, sizeof q) / sizeof *q); for (int k = 0; k < 3; k++) printf(" %d:%d:%d", q[k].ssi_signo, q[k].ssi_int, q[k].ssi_code); puts("");
 int d = timerfd_create(CLOCK_REALTIME, 0); i.it_interval.tv_nsec = 0; timerfd_settime(d, 0, &i, 0); uint64_t u; ssize_t h = read(d, &u, 8); printf("%zd %d\n", h, (int)u);
 int o = inotify_init1(0); inotify_add_watch(o, ".", IN_CREATE | IN_DELETE | IN_CLOSE_WRITE); fclose(fopen("new", "w")); unlink("new"); char b[512]; ssize_t l = read(o, b, sizeof b); for (char *c = b; c < b + l;) { struct inotify_event *x = (void *)c; printf("%x %s\n", x->mask, x->name); c += sizeof *x + x->len; }
 printf("%d %d\n", prctl(PR_SET_PDEATHSIG, 15), prctl(PR_GET_DUMPABLE)); return 0; }' >c.c
gcc -o c c.c -lrt && ./c

### make-features
printf 'V := $(shell echo computed)\nifeq ($(V),computed)\nall: b a; @echo $(V) $(words one two three) $(patsubst %%.c,%%.o,x.c y.c)\nendif\na b: ; @echo making $@\nfail: ; @exit 3\n' >Makefile; make; make -k fail 2>/dev/null; echo $?; make -j4 -s all | sort

### git
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git init -q -b main r && cd r && seq 100 >f && git add f && git commit -qm one && sed -i s/50/fifty/ f && git diff --stat && git commit -qam two && git log --format='%h %s'; git status --short; git checkout -q -b side HEAD~1; echo side >g; git add g; git commit -qm three; git merge -q -m merged main; git log --oneline --graph | cat; git blame -s f | sed -n 50p; cd ..; git clone -q r c; cd c; git branch -a; git fsck 2>&1 | tail -n 1; git gc -q; git count-objects -v | grep -v size; git show HEAD:f | sed -n 50p

### git-many-files
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
git init -q -b main r; cd r; for i in $(seq 60); do mkdir -p d$((i % 7)); echo content $i >d$((i % 7))/f$i; done; git add .; git commit -qm many; git ls-files | wc -l; git rev-parse HEAD; git rm -qr d3; git commit -qm less; git stash list; echo x >>d1/f1; git stash -q; git stash pop -q; git diff --shortstat; git archive HEAD | tar t | wc -l; git bundle create -q b main && git bundle verify -q b; git grep -c content -- d2 | wc -l

### tmux
export LC_ALL=C.UTF-8; tmux -L t -f /dev/null new-session -d -x 80 -y 24 'sh -c "echo in tmux; sleep 60"' && sleep 2 && tmux -L t capture-pane -p | head -n 1; tmux -L t list-windows -F '#{window_index}' ; tmux -L t kill-server; echo $?

### screen
mkdir -p s; chmod 700 s; SCREENDIR=$PWD/s screen -dmS x sh -c 'echo in screen >out; sleep 60'; for i in 1 2 3 4 5 6 7 8 9 10; do [ -s out ] && break; sleep 1; done; cat out; SCREENDIR=$PWD/s screen -S x -X quit; echo $?
