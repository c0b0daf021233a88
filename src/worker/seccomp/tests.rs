#![allow(clippy::unwrap_used)]

use super::super::syscalls::{AARCH64, X86_64};
use super::*;

const OWN: i32 = 4711;
const ALLOW: u32 = 0x7fff_0000;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;
const KILL: u32 = 0x8000_0000;

/// The audit numbers of the processors.
const AUDIT_X86_64: u32 = 0xc000_003e;
const AUDIT_AARCH64: u32 = 0xc000_00b7;
const AUDIT_I386: u32 = 0x4000_0003;

/// A filter, with what is needed to ask it.
struct Filter {
    calls: CallTable,
    audit: u32,
    program: BpfProgram,
}

fn filters(devices: bool) -> [Filter; 2] {
    let of = |calls: CallTable, target, audit| Filter {
        calls,
        audit,
        program: program(&calls, target, OWN, devices).unwrap(),
    };
    [of(X86_64, TargetArch::x86_64, AUDIT_X86_64), of(AARCH64, TargetArch::aarch64, AUDIT_AARCH64)]
}

impl Filter {
    fn ask(&self, call: i64, arguments: &[u64]) -> u32 {
        run(&self.program, self.audit, call as u32, arguments)
    }
}

/// Returns whether the filter of a processor refuses a call with these arguments.
pub(in super::super) fn refuses(is_x86_64: bool, call: i64, arguments: &[u64]) -> bool {
    let [x86_64, aarch64] = filters(false);
    let filter = if is_x86_64 { x86_64 } else { aarch64 };
    [EPERM, ENOSYS].contains(&filter.ask(call, arguments))
}

/// Runs a filter as the kernel does, on the numbers of one call.
fn run(program: &BpfProgram, audit: u32, call: u32, arguments: &[u64]) -> u32 {
    let load = |offset: u32| match offset {
        0 => call,
        4 => audit,
        16.. => {
            let argument = arguments.get((offset as usize - 16) / 8).copied().unwrap_or(0);
            if offset.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
        }
        other => panic!("offset {other}"),
    };
    let (mut at, mut value) = (0, 0_u32);
    loop {
        let step = &program[at];
        at += 1;
        let jump = |taken: bool| usize::from(if taken { step.jt } else { step.jf });
        match step.code {
            0x20 => value = load(step.k),
            0x54 => value &= step.k,
            0x05 => at += step.k as usize,
            0x15 => at += jump(value == step.k),
            0x25 => at += jump(value > step.k),
            0x35 => at += jump(value >= step.k),
            0x06 => return step.k,
            other => panic!("instruction {other:#x}"),
        }
    }
}

#[test]
fn listed_calls_are_allowed_and_no_number_is_listed_twice() {
    for filter in filters(false) {
        let mut numbers: Vec<i64> = filter.calls.allowed.iter().map(|(_, call)| *call).collect();
        for call in &numbers {
            assert_eq!(filter.ask(*call, &[u64::MAX; 6]), ALLOW, "{call}");
        }
        numbers.extend(filter.calls.drivers.iter().map(|(_, call)| *call));
        numbers.sort_unstable();
        let all = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), all);
    }
}

/// Every number that no table lists is refused, whatever its arguments are.
#[test]
fn unlisted_calls_are_refused_and_later_ones_unknown() {
    for filter in filters(false) {
        let checked = filter.calls.checked;
        let listed = |call: i64| {
            filter.calls.allowed.iter().any(|(_, listed)| *listed == call)
                || [
                    checked.mmap,
                    checked.mprotect,
                    checked.clone,
                    checked.fcntl,
                    checked.tgkill,
                    checked.prctl,
                    checked.prlimit64,
                    checked.sched_getaffinity,
                    checked.clock_gettime,
                    checked.clock_getres,
                    checked.clock_nanosleep,
                ]
                .contains(&call)
        };
        let unknown = filter.calls.unknown(false);
        for call in (0..=LAST_KNOWN).filter(|call| !listed(*call)) {
            let expected = if unknown.contains(&call) { ENOSYS } else { EPERM };
            for arguments in [[0; 6], [u64::from(OWN as u32); 6], [u64::MAX; 6]] {
                assert_eq!(filter.ask(call, &arguments), expected, "{call}");
            }
        }
        // Later calls, and the x32 calls, which count as x86-64.
        for call in [LAST_KNOWN + 1, 600, 0x4000_0000, 0x4000_0000 + 520, 0xffff_ffff] {
            assert_eq!(filter.ask(call, &[0; 6]), ENOSYS, "{call}");
        }
        for call in [0, 2, 11, 56] {
            assert_eq!(run(&filter.program, AUDIT_I386, call, &[0; 6]), KILL, "{call}");
        }
    }
}

/// The calls of each class that a worker must not have, by number, so that a slip in a table fails here.
const ON_X86_64: &[(&str, &[i64])] = &[
    ("open", &[2, 85, 257, 304, 303, 437]),
    ("metadata by path", &[4, 6, 21, 89, 137, 262, 267, 269, 439, 451, 457, 458]),
    (
        "mode, owner, times, attributes",
        &[
            90, 91, 92, 93, 94, 132, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 235, 260,
            261, 268, 280, 452, 463, 464, 465, 466, 468, 469,
        ],
    ),
    ("names", &[76, 80, 81, 82, 83, 84, 86, 87, 88, 133, 258, 259, 263, 264, 265, 266, 316]),
    ("sockets", &[41, 42, 43, 48, 49, 50, 51, 52, 53, 54, 55, 288, 299, 307]),
    (
        "processes",
        &[
            57, 58, 59, 61, 62, 101, 109, 112, 129, 141, 142, 144, 200, 203, 247, 297, 310, 311, 312, 314,
            315, 322, 424, 434, 438, 440, 447, 448,
        ],
    ),
    (
        "shared memory, queues, semaphores",
        &[29, 30, 31, 64, 65, 66, 67, 68, 69, 70, 71, 220, 240, 241, 242, 243, 244, 245],
    ),
    (
        "notification, timers, descriptors",
        &[
            22, 36, 37, 38, 73, 206, 222, 253, 254, 255, 282, 283, 284, 289, 290, 291, 293, 294, 300, 301,
            319, 323, 425, 426, 427, 447,
        ],
    ),
    ("clocks", &[159, 164, 227, 305]),
    (
        "system",
        &[
            103, 134, 135, 153, 154, 155, 156, 158, 160, 161, 162, 163, 165, 166, 167, 168, 169, 170, 171,
            172, 173, 175, 176, 179, 180, 246, 248, 249, 250, 272, 298, 308, 313, 317, 320, 321, 425, 428,
            429, 430, 431, 432, 433, 442, 444, 445, 446,
        ],
    ),
    ("identity", &[95, 105, 106, 113, 114, 116, 117, 119, 122, 123, 126]),
    ("copies between descriptors", &[40, 275, 276, 278, 326, 436]),
    ("ioctl, locks", &[16, 73]),
];

/// The same for the other processor.
const ON_AARCH64: &[(&str, &[i64])] = &[
    ("open", &[56, 264, 265, 437]),
    ("metadata by path", &[43, 48, 78, 79, 439]),
    (
        "mode, owner, times, attributes",
        &[5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 52, 53, 54, 55, 88, 452, 463, 466, 469],
    ),
    ("names", &[33, 34, 35, 36, 37, 38, 45, 49, 50, 51, 276]),
    ("sockets", &[198, 199, 200, 201, 202, 203, 204, 205, 208, 209, 210, 242, 243, 269]),
    (
        "processes",
        &[
            97, 117, 118, 119, 122, 129, 130, 138, 140, 154, 157, 221, 240, 260, 270, 271, 272, 281, 424,
            434, 438, 440, 448,
        ],
    ),
    ("shared memory, queues, semaphores", &[180, 181, 182, 183, 184, 185, 186, 190, 191, 194, 195, 196, 197]),
    (
        "notification, timers, descriptors",
        &[19, 20, 26, 27, 32, 59, 74, 85, 103, 107, 262, 263, 279, 282, 425],
    ),
    ("clocks", &[112, 170, 171, 266]),
    (
        "system",
        &[
            29, 39, 40, 41, 89, 90, 91, 92, 104, 105, 106, 116, 142, 161, 162, 164, 166, 217, 218, 219, 224,
            225, 241, 268, 273, 277, 280, 294, 428, 444,
        ],
    ),
    ("identity", &[143, 144, 145, 146, 147, 149, 151, 152, 159]),
];

#[test]
fn every_forbidden_class_is_refused() {
    let [x86_64, aarch64] = filters(false);
    for (filter, classes) in [(x86_64, ON_X86_64), (aarch64, ON_AARCH64)] {
        for (class, calls) in classes {
            for call in *calls {
                let answer = filter.ask(*call, &[0; 6]);
                assert_eq!(answer, EPERM, "{class}: {call}");
            }
        }
    }
}

#[test]
fn arguments_decide_on_calls_that_can_do_more() {
    for filter in filters(false) {
        let calls = filter.calls.checked;
        let ask = |call, arguments: &[u64]| filter.ask(call, arguments);
        let (own, other) = (OWN as u64, OWN as u64 + 1);
        for call in [calls.mmap, calls.mprotect] {
            assert_eq!(ask(call, &[0, 4096, 3]), ALLOW);
            assert_eq!(ask(call, &[0, 4096, 5]), EPERM);
            assert_eq!(ask(call, &[0, 4096, 7]), EPERM);
        }
        assert_eq!(ask(calls.clone, &[0x3d_0f00]), ALLOW);
        assert_eq!(ask(calls.clone, &[0x7d_0f00]), ALLOW);
        // fork, vfork, a thread in a namespace of its own, a child of the parent.
        for flags in [17, 0x120_0011, 0x4111, 0x3d_0f00 | 0x1000_0000, 0x3d_0f00 | 0x8000, 0x1_0000_003d_0f00]
        {
            assert_eq!(ask(calls.clone, &[flags]), EPERM, "{flags:#x}");
        }
        for (command, answer) in [
            (1, ALLOW),
            (3, ALLOW),
            (1030, ALLOW),
            (0, EPERM),
            (4, EPERM),
            (6, EPERM),
            (8, EPERM),
            (10, EPERM),
            (15, EPERM),
            (37, EPERM),
            (1024, EPERM),
            (1026, EPERM),
            (1033, EPERM),
        ] {
            assert_eq!(ask(calls.fcntl, &[5, command]), answer, "{command}");
        }
        assert_eq!(ask(calls.tgkill, &[own, other, 6]), ALLOW);
        for target in [0, 1, other, u64::from(u32::MAX)] {
            assert_eq!(ask(calls.tgkill, &[target, own, 9]), EPERM);
        }
        for option in [1, 4, 8, 22, 23, 24, 28, 35, 38, 47, 55, 59, 0x59616d61] {
            assert_eq!(ask(calls.prctl, &[option, 0]), EPERM, "{option}");
        }
        assert_eq!(ask(calls.prctl, &[15, 1]), ALLOW);
        assert_eq!(ask(calls.prlimit64, &[0, 7, 0, 1]), ALLOW);
        assert_eq!(ask(calls.prlimit64, &[own, 7, 0, 1]), ALLOW);
        assert_eq!(ask(calls.prlimit64, &[0, 7, 1, 0]), EPERM);
        assert_eq!(ask(calls.prlimit64, &[other, 7, 0, 1]), EPERM);
        assert_eq!(ask(calls.sched_getaffinity, &[0]), ALLOW);
        assert_eq!(ask(calls.sched_getaffinity, &[own]), ALLOW);
        assert_eq!(ask(calls.sched_getaffinity, &[other]), ENOSYS);
        for call in [calls.clock_gettime, calls.clock_getres, calls.clock_nanosleep] {
            assert_eq!(ask(call, &[0]), ALLOW);
            assert_eq!(ask(call, &[7]), ALLOW);
            // The clock of the process 4712.
            assert_eq!(ask(call, &[u64::from(!4712_u32 << 3 | 2)]), EPERM);
        }
    }
}

/// A worker for a hardware encoder may open what Landlock allows, and still nothing of the rest.
#[test]
fn drivers_get_files_and_devices_only() {
    for filter in filters(true) {
        for (name, call) in filter.calls.drivers {
            assert_eq!(filter.ask(*call, &[0; 6]), ALLOW, "{name}");
        }
        let checked = filter.calls.checked;
        assert_eq!(filter.ask(checked.mmap, &[0, 4096, 5]), ALLOW);
        assert_eq!(filter.ask(checked.fcntl, &[5, 8, 1]), EPERM);
        assert_eq!(filter.ask(checked.tgkill, &[1, 1, 9]), EPERM);
        assert_eq!(filter.ask(checked.clone, &[17]), EPERM);
        let is_x86_64 = filter.audit == AUDIT_X86_64;
        let refused: &[i64] =
            if is_x86_64 { &[41, 59, 62, 90, 188, 280, 101] } else { &[198, 221, 129, 52, 5] };
        for call in refused {
            assert_eq!(filter.ask(*call, &[0; 6]), EPERM, "{call}");
        }
    }
}
