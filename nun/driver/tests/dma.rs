//! Memory that driver and device share: pages are handed out once, and buffers elsewhere are copied.

use core::ptr::NonNull;
use std::alloc::{Layout, alloc};

use nun_driver::virtio::virtio_drivers::{BufferDirection, Hal};
use nun_driver::{DmaBuffer, DmaPool, SharedDma};

const PAGE: usize = 4096;
const PAGES: usize = 8;
/// Where the pages are for a device.
const PHYSICAL: u64 = 0x1234_5000;

/// A pool of 8 pages full of ones, and where it lies.
fn pool() -> (DmaPool, usize) {
    let layout = Layout::from_size_align(PAGES * PAGE, PAGE).unwrap();
    // SAFETY: the layout has a size other than 0; the pages are nobody else's and never freed.
    unsafe {
        let start = alloc(layout);
        start.write_bytes(0xff, PAGES * PAGE);
        (DmaPool::new(start.addr(), PHYSICAL, PAGES), start.addr())
    }
}

#[test]
fn pages_are_handed_out_once_and_zero() {
    let (mut pool, start) = pool();
    let (first, mapped) = pool.allocate(3).unwrap();
    assert_eq!((first, mapped.addr().get()), (PHYSICAL, start));
    // SAFETY: the pages were just handed out.
    let bytes = unsafe { core::slice::from_raw_parts(mapped.as_ptr(), 3 * PAGE) };
    assert!(bytes.iter().all(|byte| *byte == 0));
    let (second, _) = pool.allocate(4).unwrap();
    assert_eq!(second, PHYSICAL + 3 * 4096);
    assert!(pool.allocate(2).is_none());
    pool.free(first, 3);
    assert_eq!(pool.free_pages(), 4);
    assert!(pool.allocate(4).is_none(), "not in a row");
    assert_eq!(pool.allocate(2).unwrap().0, PHYSICAL);
    assert!(pool.allocate(9).is_none());
}

/// All that concerns the pool of the program, of which there is one.
#[test]
fn buffers_inside_are_shared_and_others_are_copied() {
    let (pool, start) = pool();
    pool.install();
    let mut inside = DmaBuffer::new(1).unwrap();
    inside[7] = 77;
    let shared = NonNull::from(&mut inside[..100]);
    // SAFETY: the buffer is valid, and only this test uses it.
    unsafe {
        assert_eq!(SharedDma::share(shared, BufferDirection::Both), inside.physical());
        SharedDma::unshare(inside.physical(), shared, BufferDirection::Both);
    }
    assert_eq!(inside[7], 77);

    let mut outside = vec![5u8; PAGE + 1];
    let buffer = NonNull::from(outside.as_mut_slice());
    // SAFETY: as above; what the device writes lies in the pool.
    unsafe {
        let physical = SharedDma::share(buffer, BufferDirection::Both);
        let copy = (start + (physical - PHYSICAL) as usize) as *mut u8;
        assert_eq!((copy.read(), copy.add(PAGE).read()), (5, 5));
        copy.add(PAGE).write(6);
        SharedDma::unshare(physical, buffer, BufferDirection::Both);
        assert_eq!((outside[0], outside[PAGE]), (5, 6));

        // What only the device writes is not copied to it, and the other way round.
        let buffer = NonNull::from(outside.as_mut_slice());
        let physical = SharedDma::share(buffer, BufferDirection::DeviceToDriver);
        let copy = (start + (physical - PHYSICAL) as usize) as *mut u8;
        assert_eq!(copy.read(), 0);
        SharedDma::unshare(physical, buffer, BufferDirection::DriverToDevice);
        assert_eq!(outside[0], 5);
    }
    // All of it came back: one page is in use.
    assert!(DmaBuffer::new(PAGES).is_none());
    let rest = DmaBuffer::new(PAGES - 1).unwrap();
    drop((inside, rest));
    assert!(DmaBuffer::new(PAGES).is_some());
}
