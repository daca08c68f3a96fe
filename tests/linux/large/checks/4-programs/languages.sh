# Interpreters: what their own libraries ask of a system.

### lua
lua -e 'local t = {} for i = 1, 1000 do t[#t + 1] = tostring(i) end print(#table.concat(t), _VERSION)'; echo 'print(io.read("n") * 2)' >a.lua; echo 21 | lua a.lua

### lua-files
lua -e 'local f = assert(io.open("x", "w")) f:write("one\ntwo\n") f:close() for line in io.lines("x") do print(line) end print(os.rename("x", "y"), os.remove("y"), os.getenv("HOME")) local p = io.popen("echo piped; exit 3") print(p:read("a"), p:close())'

### perl-library
perl -MList::Util=sum,shuffle -MPOSIX=floor -MData::Dumper -MFile::Temp=tempfile -e '$Data::Dumper::Sortkeys = 1; print sum(1 .. 100), " ", floor(3.7), "\n", Dumper({a => [1, 2], b => {c => 3}}); my ($h, $n) = tempfile(); print {$h} "x" x 1000; close $h; print -s $n, "\n"; unlink $n'

### perl-processes
perl -MSocket -MIO::Handle -e 'socketpair(A, B, AF_UNIX, SOCK_STREAM, 0) or die; if (my $p = fork) { close B; A->autoflush(1); print A "hello\n"; print scalar <A>; waitpid $p, 0; print $? >> 8, "\n" } else { close A; select B; $| = 1; my $l = <B>; print "got $l"; exit 5 }'

### perl-signals
perl -e '$SIG{ALRM} = sub { print "rang\n" }; alarm 1; sleep 3; $SIG{USR1} = sub { $n++ }; kill "USR1", $$ for 1 .. 10; print "$n\n"; print join(",", map { $_ >= 0 ? "fine" : "bad" } times), "\n"'

### python-hello
python3 -c 'import sys; print("hello", sys.version_info[:2], sys.platform)'; echo $?

### python-json
python3 -c 'import json; d = {"a": [1, 2.5, None, True], "b": {"c": "é\n"}}; t = json.dumps(d, sort_keys=True, indent=1); print(t, json.loads(t) == d)'

### python-files
python3 -c '
import os, shutil, tempfile, pathlib, stat
with tempfile.TemporaryDirectory() as d:
    p = pathlib.Path(d, "x", "y"); p.mkdir(parents=True); (p / "f").write_text("text\n" * 100)
    os.symlink("f", p / "l"); shutil.copytree(p, pathlib.Path(d, "z"), symlinks=True)
    print(sorted(q.relative_to(d).as_posix() for q in pathlib.Path(d).rglob("*")))
    os.chmod(p / "f", 0o640); print(stat.filemode(os.stat(p / "f").st_mode), os.path.getsize(p / "l"))
    with tempfile.TemporaryFile() as t: t.write(b"abc"); t.seek(0); print(t.read())
    with open(p / "s", "wb") as s: s.truncate(1 << 20); print(os.fstat(s.fileno()).st_size)
print(os.path.exists(d))'

### python-subprocess
python3 -c '
import subprocess
print(subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True, text=True))
p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
out, _ = p.communicate(b"x" * 300000); print(len(out), p.returncode)
try: subprocess.run(["sleep", "20"], timeout=0.5)
except subprocess.TimeoutExpired as e: print("timeout", e.cmd)
print(subprocess.getstatusoutput("kill -9 $$"))'

### python-threads
python3 -c '
import threading, queue
q = queue.Queue(); done = []
def work():
    while (it := q.get()) is not None: done.append(it * it); q.task_done()
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
for i in range(500): q.put(i)
q.join()
for t in threads: q.put(None)
for t in threads: t.join()
print(len(done), sum(done), threading.active_count())
e = threading.Event(); print(e.wait(0.2)); threading.Timer(0.1, e.set).start(); print(e.wait(30))'

### python-multiprocessing
python3 -c '
import multiprocessing as m
def square(x): return x * x
def child(q, v, l):
    with l: v.value += 1
    q.put(("from", v.value > 0))
if __name__ == "__main__":
    with m.Pool(3) as p: print(p.map(square, range(20)))
    q, v, l = m.Queue(), m.Value("i", 0), m.Lock()
    ps = [m.Process(target=child, args=(q, v, l)) for _ in range(4)]
    for p in ps: p.start()
    print([q.get() for _ in ps])
    for p in ps: p.join()
    print(v.value, [p.exitcode for p in ps])'

### python-shared-memory
python3 -c '
from multiprocessing import shared_memory, Process
def fill(name):
    s = shared_memory.SharedMemory(name=name); s.buf[:5] = b"hello"; s.close()
s = shared_memory.SharedMemory(create=True, size=4096)
p = Process(target=fill, args=(s.name,)); p.start(); p.join(); print(bytes(s.buf[:5])); s.close(); s.unlink()'

### python-asyncio
python3 -c '
import asyncio
async def tick(n, d):
    await asyncio.sleep(d); return n
async def serve(r, w):
    w.write((await r.readline()).upper()); await w.drain(); w.close()
async def main():
    print(await asyncio.gather(*(tick(n, 0.02 * (5 - n)) for n in range(5))))
    p = await asyncio.create_subprocess_shell("echo sub; exit 4", stdout=-1)
    out, _ = await p.communicate(); print(out, p.returncode)
    s = await asyncio.start_unix_server(serve, "sock")
    r, w = await asyncio.open_unix_connection("sock"); w.write(b"shout\n"); print(await r.readline())
    w.close(); s.close(); await s.wait_closed()
    try: await asyncio.wait_for(asyncio.sleep(60), 0.1)
    except asyncio.TimeoutError: print("late")
asyncio.run(main())'

### python-signals
python3 -c '
import signal, os, time
hits = []
signal.signal(signal.SIGALRM, lambda s, f: hits.append(s))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
while len(hits) < 3: time.sleep(0.01)
signal.setitimer(signal.ITIMER_REAL, 0); print("rang")
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGRTMIN})
for i in range(3): os.kill(os.getpid(), signal.SIGRTMIN)
os.kill(os.getpid(), signal.SIGUSR1); os.kill(os.getpid(), signal.SIGUSR1)
print(sorted(map(int, signal.sigpending())))
print([signal.sigwait({signal.SIGUSR1, signal.SIGRTMIN}) for _ in range(4)], signal.sigtimedwait({signal.SIGUSR1, signal.SIGRTMIN}, 0))
signal.signal(signal.SIGVTALRM, lambda s, f: hits.append("work"))
signal.setitimer(signal.ITIMER_VIRTUAL, 0.05)
while "work" not in hits: pass
print("worked")'

### python-limits
python3 -c '
import resource, signal, os, subprocess, sys
def limited(kind, limit, code):
    p = subprocess.run([sys.executable, "-S", "-c", code], stderr=subprocess.DEVNULL, stdout=subprocess.PIPE, preexec_fn=lambda: resource.setrlimit(kind, (limit, limit + 1)))
    return p.returncode, p.stdout
print(limited(resource.RLIMIT_CPU, 1, "while True: pass"))
print(limited(resource.RLIMIT_FSIZE, 1000, "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); open(\"big\", \"wb\").write(b\"x\" * 5000)"), os.path.getsize("big"))
print(limited(resource.RLIMIT_AS, 300 << 20, "bytearray(400 << 20)"))
print(limited(resource.RLIMIT_NOFILE, 10, "import os\ntry:\n  for i in range(20): os.dup(0)\nexcept OSError as e: print(e.errno, i)"))
print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > 0.5)'

### python-select
python3 -c '
import select, os, socket
r, w = os.pipe(); e = select.epoll(); e.register(r, select.EPOLLIN | select.EPOLLET)
print(e.poll(0)); os.write(w, b"x"); print(e.poll(1) == [(r, 1)], e.poll(0)); os.write(w, b"y"); print(len(e.poll(1)))
a, b = socket.socketpair(); p = select.poll(); p.register(a, select.POLLIN | select.POLLOUT)
print(p.poll() == [(a.fileno(), 4)]); b.close(); print(p.poll() == [(a.fileno(), 4 | 1 | 16)])
print(select.select([a], [], [], 0.1) == ([a], [], []))
socket.send_fds(a := socket.socketpair()[0], [b"m"], [r]) if 0 else None
c, d = socket.socketpair(); socket.send_fds(c, [b"m"], [r]); m, fds, *_ = socket.recv_fds(d, 9, 4); print(m, os.read(fds[0], 9))'

### python-mmap
python3 -c '
import mmap, os
with open("m", "w+b") as f:
    f.write(b"0" * 8192); f.flush(); m = mmap.mmap(f.fileno(), 8192); m[4096:4101] = b"hello"; m.flush(); f.seek(4096); print(f.read(5)); m.resize(16384); print(len(m), os.path.getsize("m")); m.close()
m = mmap.mmap(-1, 4096); pid = os.fork()
if pid == 0: m[:3] = b"abc"; os._exit(0)
os.waitpid(pid, 0); print(m[:3])'

### python-processes
python3 -c '
import os, signal, time
r = os.pidfd_open(p := os.posix_spawn("/bin/sleep", ["sleep", "60"], os.environ))
signal.pidfd_send_signal(r, signal.SIGTERM); i = os.waitid(os.P_PIDFD, r, os.WEXITED); print(i.si_pid == p, i.si_status, i.si_code)
print(os.getpriority(os.PRIO_PROCESS, 0), os.nice(4), os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), 0 in os.sched_getaffinity(0))
t = time.process_time()
while time.process_time() - t < 0.2: pass
u = os.times(); print(u.user + u.system > 0.1, time.thread_time() > 0.1, u.elapsed > 0)
os.setpgid(0, 0) if os.getpid() != os.getpgid(0) else None; print(os.getpgid(0) == os.getpid())'

### python-sqlite
python3 -c '
import sqlite3
c = sqlite3.connect("db"); c.execute("create table t (a integer primary key, b text)")
c.executemany("insert into t (b) values (?)", [("row %d" % i,) for i in range(1000)]); c.commit()
d = sqlite3.connect("db"); print(d.execute("select count(*), max(b), sum(a) from t").fetchone())
c.execute("pragma journal_mode=wal"); c.execute("delete from t where a % 2"); c.commit(); print(d.execute("select count(*) from t").fetchone(), sqlite3.sqlite_version > "3")'

### python-hash-and-compress
python3 -c '
import hashlib, zlib, bz2, lzma, random, struct
random.seed(7); data = bytes(random.randrange(97, 105) for _ in range(50000))
print(hashlib.sha256(data).hexdigest()[:16], hashlib.md5(data).hexdigest()[:16], [len(c.compress(data)) for c in (zlib, bz2, lzma)], all(c.decompress(c.compress(data)) == data for c in (zlib, bz2, lzma)))'

### python-decimal-and-time
TZ=UTC python3 -c 'import decimal, datetime, time, re, locale; print(decimal.Decimal(2).sqrt(), datetime.datetime.fromtimestamp(86400 * 365), time.strftime("%Y", time.gmtime(0)), re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world"))'

### python-pty
python3 -c 'import pty; print(pty.spawn(["sh", "-c", "tty | cut -c 1-8; stty size; echo done; exit 5"]))' | tr -d '\r'

### python-deep-recursion
python3 -c '
import sys, threading
sys.setrecursionlimit(20000)
def f(n): return 0 if n == 0 else 1 + f(n - 1)
threading.stack_size(64 << 20); t = threading.Thread(target=lambda: print(f(15000))); t.start(); t.join()'

### python-compile-and-import
mkdir pkg; echo 'def f(): return 42' >pkg/mod.py; touch pkg/__init__.py; python3 -c 'import pkg.mod; print(pkg.mod.f())'; ls pkg/__pycache__ | sort; python3 -m compileall -q pkg; python3 -m pkg.mod; echo $?

### python-unittest
cat >test_it.py <<'END'
import unittest
class T(unittest.TestCase):
    def test_one(self): self.assertEqual(1 + 1, 2)
    def test_two(self): self.assertRaises(KeyError, {}.__getitem__, 1)
END
python3 -m unittest test_it 2>&1 | grep -v 'Ran'
