meta:
  id: dosewire
  title: Dosewire protocol, version 1
  license: Apache-2.0
  ks-version: '0.10'
  endian: be

doc: |
  Second, independent description of Dosewire's bytes, written by hand from the notes at the fields
  of `protocol/schema/`. It shares no code with it; the golden vectors hold the two together.

  The root is one frame of the serial line after its flags are cut off and its escapes are undone
  (RFC 1662, section 4.2). MQTT payloads are bare bodies: `events`, `hello`, `watermark`,
  `config_put`.

  Typed views (`to_device`, `to_host`, `typed`, `items`, `decoded`) are instances, read when asked
  for: what a reader does not know or need stays bytes, and bytes after the last field known here
  belong to a newer sender and are ignored.

seq:
  - id: version
    type: b3
    doc: protocol version of the sender
  - id: from_host
    type: b1
    doc: direction; host to dispenser if set
  - id: reply
    type: b1
  - id: spare
    type: b3
  - id: ref
    type: u1
  - id: type
    type: u1
    enum: message_type
  - id: body
    size: _io.size - 7
    doc: at most 1,024 bytes
  - id: fcs
    type: u4le
    doc: FCS-32 over all before it, low byte first (RFC 1662, appendix C.3)

instances:
  to_device:
    pos: 3
    size: _io.size - 7
    if: from_host
    type:
      switch-on: type
      cases:
        'message_type::hello': hello_request
        'message_type::read': read
        'message_type::ack': ack
        'message_type::watermark': watermark
        'message_type::time': time
        'message_type::config_put': config_put
        'message_type::config_get': empty
        'message_type::status': empty
        'message_type::log': log_get
        'message_type::release_begin': release_begin
        'message_type::release_chunk': release_chunk
        'message_type::release_end': empty
        'message_type::maintenance': enter_maintenance
        'message_type::error': error
        'message_type::seen': seen_put
        'message_type::mode': enter_mode
  to_host:
    pos: 3
    size: _io.size - 7
    if: not from_host
    type:
      switch-on: type
      cases:
        'message_type::hello': hello
        'message_type::events': events
        'message_type::config_get': config
        'message_type::status': status
        'message_type::log': log
        'message_type::release_begin': release_progress
        'message_type::error': error
        'message_type::seen': seen_now
        'message_type::mode': mode_now

types:

  # Records

  record:
    doc: One event; the same bytes from the dispenser's flash to the backend. At most 64 bytes.
    seq:
      - id: seq
        type: u4
        doc: contiguous within an epoch, never reused
      - id: boot
        type: u2
        doc: counts boots that wrote
      - id: time
        type: u4
        doc: s since 2024-01-01 UTC; s since boot if quality is uptime
      - id: stamp
        type: u2
      - id: type
        type: u1
        enum: record_type
      - id: len_data
        type: u1
        valid:
          max: 42
      - id: data
        size: len_data
        type: record_data(type)
      - id: tag
        size: 8
        doc: HMAC-SHA256 over the previous tag and all bytes of the record before this, truncated
    instances:
      quality:
        value: stamp >> 14
        enum: quality
      mode:
        value: (stamp >> 12) & 3
        enum: mode
      ms:
        value: stamp & 1023

  record_data:
    params:
      - id: type
        type: u1
        enum: record_type
    instances:
      raw:
        pos: 0
        size-eos: true
      typed:
        pos: 0
        size-eos: true
        doc: bytes for a type that is not known here
        type:
          switch-on: type
          cases:
            'record_type::epoch': epoch
            'record_type::boot': boot
            'record_type::time_set': time_set
            'record_type::gap': gap
            'record_type::state': state
            'record_type::maintenance': maintenance
            'record_type::suppressed': suppressed
            'record_type::heartbeat': heartbeat
            'record_type::power': power
            'record_type::settings_applied': settings_applied
            'record_type::settings_refused': settings_refused
            'record_type::release': release
            'record_type::fault': fault
            'record_type::tamper': tamper
            'record_type::lid_opened': lid_opened
            'record_type::lid_closed': lid_closed
            'record_type::dose': dose
            'record_type::dose_end': dose_end
            'record_type::response': response
            'record_type::prompt_shown': prompt_shown
            'record_type::prompt_expired': prompt_expired
            'record_type::reminder': reminder
            'record_type::window_missed': window_missed
            'record_type::refill': refill
            'record_type::seen': seen

  epoch:
    seq:
      - id: epoch
        type: u4
      - id: previous
        type: u4
        doc: 0 if none
      - id: reason
        type: u1
        enum: epoch_reason
      - id: board_id
        size: 8

  boot:
    seq:
      - id: cause
        type: u1
        enum: reset_cause
      - id: skipped
        type: u2
        doc: boots since the last such record that wrote nothing
      - id: major
        type: u1
      - id: minor
        type: u1
      - id: patch
        type: u1

  time_set:
    seq:
      - id: uptime
        type: u4
        doc: s since boot
      - id: uptime_ms
        type: u2
      - id: old
        type: u4
        doc: s since 2024-01-01 UTC by the clock before, or since boot
      - id: old_ms
        type: u2
      - id: old_quality
        type: u1
        enum: quality
      - id: new
        type: u4
        doc: s since 2024-01-01 UTC
      - id: new_ms
        type: u2
      - id: uncertainty
        type: u4
        doc: ms, half width
      - id: source
        type: u1
        enum: time_source

  gap:
    seq:
      - id: first
        type: u4
      - id: last
        type: u4
      - id: cause
        type: u1
        enum: gap_cause

  state:
    seq:
      - id: settings
        type: u2
        doc: version of the settings in force
      - id: active
        type: u2
        doc: bit 0 lid open, 1-4 beams broken, 5-9 buttons, 10 service

  maintenance:
    seq:
      - id: uptime
        type: u4
        doc: s since boot
      - id: work
        type: u1
        enum: work
        if: not _io.eof
        doc: added later, absent from older records, prompt then

  suppressed:
    seq:
      - id: type
        type: u1
        enum: record_type
      - id: count
        type: u2

  heartbeat:
    seq:
      - id: uptime
        type: u4
        doc: s since boot
      - id: free
        type: u4
        doc: bytes of heap
      - id: held
        type: u2
        doc: records in the journal
      - id: battery
        type: u2
        doc: mV, 0 if not measured
      - id: source
        type: u1
        enum: power_source
      - id: temperature
        type: u1
        doc: degrees Celsius + 40, 255 if not measured
      - id: clock_age
        type: u4
        doc: s since the clock was set, 0xffffffff if never
      - id: worst_gap
        type: u2
        doc: ms between two watchdog feeds

  power:
    seq:
      - id: source
        type: u1
        enum: power_source
      - id: battery
        type: u2
        doc: mV, 0 if not measured

  settings_applied:
    seq:
      - id: version
        type: u2
      - id: previous
        type: u2
      - id: counter
        type: u4

  settings_refused:
    seq:
      - id: version
        type: u2
        doc: 0 if unreadable
      - id: reason
        type: u1
        enum: refused_reason
      - id: counter
        type: u4
        doc: last counter accepted

  release:
    seq:
      - id: action
        type: u1
        enum: release_action
      - id: major
        type: u1
      - id: minor
        type: u1
      - id: patch
        type: u1
      - id: slot
        type: u1
        doc: ASCII a or b
      - id: reason
        type: u1
        doc: refused_reason, 0 unless refused
      - id: counter
        type: u4

  seen:
    seq:
      - id: next
        type: u4
        doc: first seq not seen
      - id: reason
        type: u1
        doc: refused_reason, 0 if accepted
      - id: counter
        type: u4
        doc: last counter accepted

  fault:
    seq:
      - id: kind
        type: u1
        enum: fault_kind
      - id: subject
        type: u1
        doc: bit number of state.active, 255 if none
      - id: value
        type: u4

  tamper:
    seq:
      - id: kind
        type: u1
        enum: tamper_kind
      - id: subject
        type: u1
        doc: bit number of state.active, 255 if none

  lid_opened:
    seq:
      - id: settings
        type: u2

  lid_closed:
    seq:
      - id: settings
        type: u2
      - id: duration
        type: u4
        doc: ms open, 0xffffffff if opened before this boot
      - id: compartments
        type: u1
        doc: bit 0 to 3, compartments reached in this opening

  dose:
    seq:
      - id: settings
        type: u2
      - id: compartment
        type: u1
        doc: 1 to 4
      - id: window
        type: u1
        doc: dose window it is compared with, 0 if none
      - id: relation
        type: u1
        enum: relation

  dose_end:
    seq:
      - id: settings
        type: u2
      - id: compartment
        type: u1
        doc: 1 to 4
      - id: dwell
        type: u4
        doc: ms from the first break to the last end, 0xffffffff if broken before this boot
      - id: breaks
        type: u1
        doc: raw breaks merged into this access, 255 if so many or more

  response:
    seq:
      - id: settings
        type: u2
      - id: button
        type: u1
        doc: 0 none to 4 very severe
      - id: question
        type: u1
        doc: 1 to 3, 0 if unprompted
      - id: prompt
        type: u4
        doc: 0 if unprompted
      - id: corrects
        type: u1
        doc: 1 if it replaces the response just before it

  prompt_shown:
    seq:
      - id: settings
        type: u2
      - id: question
        type: u1
      - id: prompt
        type: u4
      - id: trigger
        type: u1
        enum: trigger

  prompt_expired:
    seq:
      - id: settings
        type: u2
      - id: question
        type: u1
      - id: prompt
        type: u4
      - id: reason
        type: u1
        enum: expiry_reason

  reminder:
    seq:
      - id: settings
        type: u2
      - id: window
        type: u1
      - id: step
        type: u1
        enum: reminder_step

  window_missed:
    seq:
      - id: settings
        type: u2
      - id: window
        type: u1
      - id: compartment
        type: u1
      - id: start
        type: u4
        doc: s since 2024-01-01 UTC

  refill:
    seq:
      - id: settings
        type: u2
      - id: action
        type: u1
        enum: refill_action
      - id: cause
        type: u1
        enum: refill_cause
      - id: compartments
        type: u1
        doc: bit 0 to 3, compartments reached so far

  # Messages

  empty:
    doc: config_get, status and release_end to the dispenser carry nothing.

  hello_request:
    seq:
      - id: oldest
        type: u1
      - id: newest
        type: u1
      - id: away
        type: u1
        if: not _io.eof
        doc: full minutes without a way to the broker; added later, absent from older hosts

  hello:
    seq:
      - id: device_id
        size: 8
      - id: board
        size: 8
        doc: ASCII, NUL padded
      - id: major
        type: u1
      - id: minor
        type: u1
      - id: patch
        type: u1
      - id: version
        type: u1
        doc: protocol version of this session
      - id: service
        type: u1
        enum: service
      - id: boot
        type: u2
      - id: epoch
        type: u4
        doc: 0 if there is no journal
      - id: first
        type: u4
        doc: first seq held
      - id: next
        type: u4
        doc: seq of the next record to be written
      - id: tag
        size: 8
        doc: of record next - 1
      - id: uptime
        type: u4
        doc: s since boot
      - id: time
        type: u4
        doc: s since 2024-01-01 UTC, or since boot
      - id: quality
        type: u1
        enum: quality
      - id: nonce
        type: u4

  read:
    seq:
      - id: epoch
        type: u4
      - id: start
        type: u4
      - id: window
        type: u2
        doc: bytes that may be unacknowledged, at most 2,048

  events:
    seq:
      - id: epoch
        type: u4
      - id: previous
        size: 8
        doc: tag of the record before the first one
      - id: count
        type: u1
      - id: records
        size-eos: true
    instances:
      items:
        pos: 13
        type: record
        repeat: expr
        repeat-expr: count

  ack:
    seq:
      - id: epoch
        type: u4
      - id: next
        type: u4

  watermark:
    seq:
      - id: epoch
        type: u4
      - id: next
        type: u4
        doc: first seq not stored
      - id: tag
        size: 8
        doc: of record next - 1
      - id: store
        type: u4
      - id: rev
        type: u4
      - id: num_ranges
        type: u1
      - id: ranges
        type: seq_range
        repeat: expr
        repeat-expr: num_ranges
        doc: stored above next
      - id: num_refused
        type: u1
      - id: refused
        type: u4
        repeat: expr
        repeat-expr: num_refused

  seq_range:
    seq:
      - id: first
        type: u4
      - id: last
        type: u4

  time:
    seq:
      - id: time
        type: u4
        doc: s since 2024-01-01 UTC
      - id: ms
        type: u2
      - id: uncertainty
        type: u4
        doc: ms, half width
      - id: source
        type: u1
        enum: time_source

  config_put:
    seq:
      - id: counter
        type: u4
      - id: mac
        size: 16
      - id: settings
        size-eos: true
    instances:
      decoded:
        pos: 20
        type: settings

  config:
    seq:
      - id: counter
        type: u4
      - id: settings
        size-eos: true
        doc: empty if there are none yet
    instances:
      decoded:
        pos: 4
        type: settings
        if: settings.length > 0

  status:
    seq:
      - id: uptime
        type: u4
        doc: s since boot
      - id: free
        type: u4
        doc: bytes of heap
      - id: active
        type: u2
        doc: bits as in the record state
      - id: battery
        type: u2
        doc: mV, 0 if not measured
      - id: worst_gap
        type: u2
        doc: ms between two watchdog feeds
      - id: bad_frames
        type: u2
        doc: stays at 65535
      - id: watermark
        type: u4

  log_get:
    seq:
      - id: window
        type: u2
        doc: bytes

  log:
    seq:
      - id: dropped
        type: u2
        doc: lines, stays at 65535
      - id: text
        size-eos: true
        doc: ASCII, lines end with LF

  release_begin:
    seq:
      - id: counter
        type: u4
      - id: mac
        size: 16
      - id: major
        type: u1
      - id: minor
        type: u1
      - id: patch
        type: u1
      - id: files
        type: u1
      - id: size
        type: u2
        doc: bytes of the manifest
      - id: manifest
        size: 32
        doc: SHA-256

  release_chunk:
    seq:
      - id: file
        type: u1
      - id: offset
        type: u4
        doc: bytes
      - id: data
        size-eos: true

  release_progress:
    seq:
      - id: file
        type: u1
      - id: offset
        type: u4
        doc: bytes of it that are on flash
      - id: refused
        type: u1
        doc: refused_reason, 0 if none

  enter_maintenance:
    seq:
      - id: minutes
        type: u1

  seen_put:
    seq:
      - id: counter
        type: u4
      - id: mac
        size: 16
      - id: epoch
        type: u4
      - id: next
        type: u4
        doc: first seq not seen

  seen_now:
    seq:
      - id: counter
        type: u4
      - id: next
        type: u4
      - id: refused
        type: u1
        doc: refused_reason, 0 if none

  enter_mode:
    seq:
      - id: mode
        type: u1
        enum: mode
      - id: minutes
        type: u1

  mode_now:
    seq:
      - id: mode
        type: u1
        enum: mode

  error:
    seq:
      - id: code
        type: u1
        enum: error_code
      - id: type
        type: u1
        enum: message_type
      - id: text
        size-eos: true
        doc: ASCII

  # Settings

  settings:
    seq:
      - id: version
        type: u2
      - id: volume
        type: u1
        doc: 0 silent to 3 loud
      - id: reminders
        type: u1
        doc: 0 none, 1 light, 2 light and chime
      - id: quiet_start
        type: u2
        doc: minutes after local midnight
      - id: quiet_end
        type: u2
        doc: minutes after local midnight
      - id: silence
        type: u1
        doc: hours
      - id: sets
        type: u1
        doc: a day at most
      - id: num_transitions
        type: u1
      - id: transitions
        type: transition
        repeat: expr
        repeat-expr: num_transitions
      - id: num_windows
        type: u1
      - id: windows
        type: window
        repeat: expr
        repeat-expr: num_windows
      - id: num_questions
        type: u1
      - id: questions
        type: question
        repeat: expr
        repeat-expr: num_questions

  transition:
    seq:
      - id: start
        type: u4
        doc: s since 2024-01-01 UTC
      - id: offset
        type: u2
        doc: minutes east of UTC + 1440

  window:
    seq:
      - id: number
        type: u1
      - id: compartment
        type: u1
      - id: weekdays
        type: u1
        doc: bit 0 Monday to bit 6 Sunday
      - id: start
        type: u2
        doc: minutes after local midnight
      - id: length
        type: u2
        doc: minutes
      - id: in_quiet
        type: u1

  question:
    seq:
      - id: question
        type: u1
      - id: trigger
        type: u1
        enum: trigger
      - id: weekdays
        type: u1
        doc: bit 0 Monday to bit 6 Sunday
      - id: minute
        type: u2
        doc: minutes after local midnight; after the dose if triggered by it
      - id: expiry
        type: u2
        doc: minutes

enums:
  message_type:
    0x01: hello
    0x02: read
    0x03: events
    0x04: ack
    0x05: watermark
    0x06: time
    0x07: config_put
    0x08: config_get
    0x09: status
    0x0a: log
    0x0b: release_begin
    0x0c: release_chunk
    0x0d: release_end
    0x0e: maintenance
    0x0f: error
    0x10: seen
    0x11: mode
  record_type:
    0x01: epoch
    0x02: boot
    0x03: time_set
    0x04: gap
    0x05: state
    0x06: maintenance
    0x07: suppressed
    0x08: heartbeat
    0x09: power
    0x0a: settings_applied
    0x0b: settings_refused
    0x0c: release
    0x0d: fault
    0x0e: tamper
    0x0f: seen
    0x20: lid_opened
    0x21: lid_closed
    0x22: dose
    0x23: dose_end
    0x24: response
    0x25: prompt_shown
    0x26: prompt_expired
    0x27: reminder
    0x28: window_missed
    0x29: refill
  quality:
    0: uptime
    1: rtc
    2: synced
  mode:
    0: patient
    1: refill
    2: technician
    3: bench
  epoch_reason:
    1: provisioned
    2: replaced
  reset_cause:
    1: power
    3: watchdog_or_reset
  gap_cause:
    1: trimmed
    2: damaged
  time_source:
    1: gateway
    2: technician
  power_source:
    0: battery
    1: usb
  refused_reason:
    1: mac
    2: counter
    3: malformed
    4: unsupported
    5: rule
    6: board
    7: version
    8: micropython
    9: protocol
    10: size
    11: digest
  release_action:
    1: received
    2: started
    3: confirmed
    4: reverted
    5: refused
  fault_kind:
    1: stuck
    2: chatter
    3: impossible
    4: clock
    5: key_store
    6: flash
    7: crash
    8: memory
  tamper_kind:
    1: opened_case
    2: beam_without_lid
    3: prompt_taken
  work:
    0: prompt
    1: bench
  relation:
    0: none
    1: in_window
    2: out_of_window
    3: wrong_compartment
    4: excess
  trigger:
    1: after_dose
    2: set_time
  expiry_reason:
    1: timeout
    2: power
    3: settings
  reminder_step:
    1: light
    2: chime
    3: stopped
  refill_action:
    1: started
    2: ended
    3: possible
  refill_cause:
    1: button
    2: timeout
    3: lid_closed
    4: pattern
  service:
    0: ok
    1: unprovisioned
    2: key_lost
    3: journal_lost
  error_code:
    1: unknown_message
    2: malformed
    3: wrong_epoch
    4: not_provisioned
    5: out_of_range
