"""What records physical stimuli must become: the table that the store is judged by.

Made from the hardware's data and the record's definition alone; nothing of the firmware is used.
Times are true times in Unix ns. An edge counts when its input then stays for the debounce time:

| stimulus                        | record                                                    |
|---------------------------------|-----------------------------------------------------------|
| lid opens / closes              | LID_OPENED / LID_CLOSED(duration, compartments reached)   |
| beam broken, lid open           | DOSE(compartment): an access begins                       |
| whole for 60 s, or lid closes   | DOSE_END(compartment, dwell, breaks): the access is over  |
| broken again before that        | nothing: the same access                                  |
| lid closes, beam broken         | DOSE_END, then LID_CLOSED                                 |
| third compartment, or 3 min open | REFILL(possible), once an opening: nobody said it is one   |
| button pressed / released       | RESPONSE(button), unprompted / nothing                    |
| the same again within 2 s       | nothing, if no other was pressed between                  |
| another within 10 s             | RESPONSE that corrects the one before                     |
| active when a boot begins       | one STATE(mask); the end of it has UNKNOWN_DURATION       |
"""

from sim.expected.power import boots
from sim.expected.table import debounce_ms, expected_records
from sim.expected.terms import BOOT_NS, MS, TIME_NS, WRITE_NS, Boot, Expected

__all__ = [
    "BOOT_NS",
    "MS",
    "TIME_NS",
    "WRITE_NS",
    "Boot",
    "Expected",
    "boots",
    "debounce_ms",
    "expected_records",
]
