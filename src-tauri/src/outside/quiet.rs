//! Quiet hours: whether they hold now.

use countersign_contract::QuietHours;

/// Whether quiet hours hold at a minute after midnight. They hold from their beginning until just before their
/// end; both at the same minute: all day.
pub fn holds(hours: QuietHours, minute: u16) -> bool {
    let QuietHours { from, to } = hours;
    if from < to {
        (from..to).contains(&minute)
    } else {
        minute >= from || minute < to
    }
}

/// Minutes after midnight, in the computer's own time.
pub fn minute_now() -> u16 {
    let time = jiff::Zoned::now().time();
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_night_goes_over_midnight() {
        let night = QuietHours {
            from: 22 * 60,
            to: 7 * 60,
        };
        for (minute, quiet) in [
            (22 * 60 - 1, false),
            (22 * 60, true),
            (0, true),
            (7 * 60 - 1, true),
            (7 * 60, false),
        ] {
            assert_eq!(holds(night, minute), quiet, "{minute}");
        }
        let noon = QuietHours { from: 720, to: 780 };
        assert!(holds(noon, 720) && !holds(noon, 780) && !holds(noon, 0));
        let always = QuietHours { from: 60, to: 60 };
        assert!(holds(always, 59) && holds(always, 60));
    }
}
