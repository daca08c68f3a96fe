# The tests of Python itself: which of them fail, and how many there are.

### python-test-posix
python3 -W ignore -m unittest -q test.test_posix 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-os
python3 -W ignore -m unittest -q test.test_os 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-signal
python3 -W ignore -m unittest -q test.test_signal 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-select
python3 -W ignore -m unittest -q test.test_select 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-poll
python3 -W ignore -m unittest -q test.test_poll 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-selectors
python3 -W ignore -m unittest -q test.test_selectors 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-mmap
python3 -W ignore -m unittest -q test.test_mmap 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-fcntl
python3 -W ignore -m unittest -q test.test_fcntl 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-resource
python3 -W ignore -m unittest -q test.test_resource 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-time
python3 -W ignore -m unittest -q test.test_time 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-threading
python3 -W ignore -m unittest -q test.test_threading 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-thread
python3 -W ignore -m unittest -q test.test_thread 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-queue
python3 -W ignore -m unittest -q test.test_queue 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-fileio
python3 -W ignore -m unittest -q test.test_fileio 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-tempfile
python3 -W ignore -m unittest -q test.test_tempfile 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-shutil
python3 -W ignore -m unittest -q test.test_shutil 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-pathlib
python3 -W ignore -m unittest -q test.test_pathlib 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-pty
python3 -W ignore -m unittest -q test.test_pty 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-openpty
python3 -W ignore -m unittest -q test.test_openpty 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-ioctl
python3 -W ignore -m unittest -q test.test_ioctl 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-wait4
python3 -W ignore -m unittest -q test.test_wait4 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-fork1
python3 -W ignore -m unittest -q test.test_fork1 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-popen
python3 -W ignore -m unittest -q test.test_popen 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-eintr
python3 -W ignore -m unittest -q test.test_eintr 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-tarfile
python3 -W ignore -m unittest -q test.test_tarfile 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-gzip
python3 -W ignore -m unittest -q test.test_gzip 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-zipfile
python3 -W ignore -m unittest -q test.test_zipfile 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-glob
python3 -W ignore -m unittest -q test.test_glob 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-stat
python3 -W ignore -m unittest -q test.test_stat 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-posixpath
python3 -W ignore -m unittest -q test.test_posixpath 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-pwd
python3 -W ignore -m unittest -q test.test_pwd 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-grp
python3 -W ignore -m unittest -q test.test_grp 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-sched
python3 -W ignore -m unittest -q test.test_sched 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-json
python3 -W ignore -m unittest -q test.test_json 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-dbm-dumb
python3 -W ignore -m unittest -q test.test_dbm_dumb 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-memoryio
python3 -W ignore -m unittest -q test.test_memoryio 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-file
python3 -W ignore -m unittest -q test.test_file 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-threadsignals
python3 -W ignore -m unittest -q test.test_threadsignals 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort

### python-test-subprocess
python3 -W ignore -m unittest -q test.test_subprocess 2>&1 | grep -E '^(FAIL|ERROR|OK|FAILED|Ran)' | sed 's/ in .*//' | sort
