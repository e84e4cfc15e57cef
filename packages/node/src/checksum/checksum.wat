;; The Internet checksum (RFC 1071) over an arena, 16 bytes an instruction.
;;
;; Words are added as they lie, little-endian: one's complement doesn't mind the order of bytes, so only the
;; folded sum is turned around. A lane of an accumulator takes 65,535 twice per 16 bytes, and all lanes together
;; 65,535 per 2 bytes: below 2^32 up to 131,072 bytes.
(module
  (import "arena" "memory" (memory 1))

  ;; A little-endian sum -> folded, turned around, plus initial, folded.
  (func $finish (param $sum i32) (param $initial i32) (result i32)
    (local.set $sum (call $fold (local.get $sum)))
    (call $fold (i32.add
      (i32.add
        (i32.shl (i32.and (local.get $sum) (i32.const 0xff)) (i32.const 8))
        (i32.shr_u (local.get $sum) (i32.const 8)))
      (call $fold (local.get $initial)))))

  (func $fold (param $sum i32) (result i32)
    (local.set $sum (i32.add
      (i32.and (local.get $sum) (i32.const 0xffff))
      (i32.shr_u (local.get $sum) (i32.const 16))))
    (i32.add
      (i32.and (local.get $sum) (i32.const 0xffff))
      (i32.shr_u (local.get $sum) (i32.const 16))))

  (func $lanes (param $sums v128) (result i32)
    (i32.add
      (i32.add
        (i32x4.extract_lane 0 (local.get $sums))
        (i32x4.extract_lane 1 (local.get $sums)))
      (i32.add
        (i32x4.extract_lane 2 (local.get $sums))
        (i32x4.extract_lane 3 (local.get $sums)))))

  (func (export "sum") (param $at i32) (param $length i32) (param $initial i32) (result i32)
    (local $a v128) (local $b v128) (local $sum i32) (local $end i32)
    ;; 64 bytes a turn, on two accumulators so that an addition need not wait for the one before.
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $length) (i32.const -64))))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $at) (local.get $end)))
      (local.set $a (i32x4.add (local.get $a) (i32x4.add
        (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))
        (i32x4.extadd_pairwise_i16x8_u (v128.load offset=16 align=1 (local.get $at))))))
      (local.set $b (i32x4.add (local.get $b) (i32x4.add
        (i32x4.extadd_pairwise_i16x8_u (v128.load offset=32 align=1 (local.get $at)))
        (i32x4.extadd_pairwise_i16x8_u (v128.load offset=48 align=1 (local.get $at))))))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br $next)))
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $length) (i32.const 48))))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $at) (local.get $end)))
      (local.set $a (i32x4.add (local.get $a)
        (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br $next)))
    (if (i32.and (local.get $length) (i32.const 8)) (then
      (local.set $b (i32x4.add (local.get $b)
        (i32x4.extadd_pairwise_i16x8_u (v128.load64_zero align=1 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))))
    (if (i32.and (local.get $length) (i32.const 4)) (then
      (local.set $b (i32x4.add (local.get $b)
        (i32x4.extadd_pairwise_i16x8_u (v128.load32_zero align=1 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))))
    (local.set $sum (call $lanes (i32x4.add (local.get $a) (local.get $b))))
    (if (i32.and (local.get $length) (i32.const 2)) (then
      (local.set $sum (i32.add (local.get $sum) (i32.load16_u align=1 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 2)))))
    (if (i32.and (local.get $length) (i32.const 1)) (then
      (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))))
    (call $finish (local.get $sum) (local.get $initial)))

  (func (export "copy")
    (param $to i32) (param $from i32) (param $length i32) (param $initial i32) (result i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $w i64)
    (local $sum i32) (local $end i32)
    (local.set $end (i32.add (local.get $from) (i32.and (local.get $length) (i32.const -32))))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $from) (local.get $end)))
      (local.set $c (v128.load align=1 (local.get $from)))
      (local.set $d (v128.load offset=16 align=1 (local.get $from)))
      (v128.store align=1 (local.get $to) (local.get $c))
      (v128.store offset=16 align=1 (local.get $to) (local.get $d))
      (local.set $a (i32x4.add (local.get $a) (i32x4.extadd_pairwise_i16x8_u (local.get $c))))
      (local.set $b (i32x4.add (local.get $b) (i32x4.extadd_pairwise_i16x8_u (local.get $d))))
      (local.set $from (i32.add (local.get $from) (i32.const 32)))
      (local.set $to (i32.add (local.get $to) (i32.const 32)))
      (br $next)))
    (if (i32.and (local.get $length) (i32.const 16)) (then
      (local.set $c (v128.load align=1 (local.get $from)))
      (v128.store align=1 (local.get $to) (local.get $c))
      (local.set $a (i32x4.add (local.get $a) (i32x4.extadd_pairwise_i16x8_u (local.get $c))))
      (local.set $from (i32.add (local.get $from) (i32.const 16)))
      (local.set $to (i32.add (local.get $to) (i32.const 16)))))
    (if (i32.and (local.get $length) (i32.const 8)) (then
      (local.set $w (i64.load align=1 (local.get $from)))
      (i64.store align=1 (local.get $to) (local.get $w))
      (local.set $b (i32x4.add (local.get $b)
        (i32x4.extadd_pairwise_i16x8_u (i64x2.replace_lane 0 (v128.const i64x2 0 0) (local.get $w)))))
      (local.set $from (i32.add (local.get $from) (i32.const 8)))
      (local.set $to (i32.add (local.get $to) (i32.const 8)))))
    (local.set $sum (call $lanes (i32x4.add (local.get $a) (local.get $b))))
    (if (i32.and (local.get $length) (i32.const 4)) (then
      (local.set $end (i32.load align=1 (local.get $from)))
      (i32.store align=1 (local.get $to) (local.get $end))
      (local.set $sum (i32.add (local.get $sum) (call $fold (local.get $end))))
      (local.set $from (i32.add (local.get $from) (i32.const 4)))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))))
    (if (i32.and (local.get $length) (i32.const 2)) (then
      (local.set $end (i32.load16_u align=1 (local.get $from)))
      (i32.store16 align=1 (local.get $to) (local.get $end))
      (local.set $sum (i32.add (local.get $sum) (local.get $end)))
      (local.set $from (i32.add (local.get $from) (i32.const 2)))
      (local.set $to (i32.add (local.get $to) (i32.const 2)))))
    (if (i32.and (local.get $length) (i32.const 1)) (then
      (local.set $end (i32.load8_u (local.get $from)))
      (i32.store8 (local.get $to) (local.get $end))
      (local.set $sum (i32.add (local.get $sum) (local.get $end)))))
    (call $finish (local.get $sum) (local.get $initial))))
