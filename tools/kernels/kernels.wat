;; The packet memory's kernels: copying, and the Internet checksum (RFC 1071) with 128-bit vectors.
;;
;; A sum is of 16-bit words in the machine's order, low byte first; the caller's are in network
;; order. RFC 1071 §2 (B): the bytes of the folded sum are swapped, and all is well. Words are added
;; in pairs into lanes of 32 bits, four vectors at a time, which together hold the sum of up to
;; 512 KiB. Loads and stores need no alignment.
(module
  (import "packets" "memory" (memory 0))

  ;; Adds the four lanes of a vector, unsigned.
  (func $lanes (param $v v128) (result i64)
    (local.set $v
      (i64x2.add
        (i64x2.extend_low_i32x4_u (local.get $v))
        (i64x2.extend_high_i32x4_u (local.get $v))))
    (i64.add (i64x2.extract_lane 0 (local.get $v)) (i64x2.extract_lane 1 (local.get $v))))

  ;; Folds a sum below 2^36 to 16 bits, end-around, swaps its bytes, and adds a folded one.
  (func $finish (param $sum i64) (param $initial i32) (result i32)
    (local $s i32)
    (local.set $sum
      (i64.add
        (i64.and (local.get $sum) (i64.const 0xffff))
        (i64.shr_u (local.get $sum) (i64.const 16))))
    (local.set $s
      (i32.wrap_i64
        (i64.add
          (i64.and (local.get $sum) (i64.const 0xffff))
          (i64.shr_u (local.get $sum) (i64.const 16)))))
    (local.set $s (call $fold (local.get $s)))
    (call $fold
      (i32.add
        (local.get $initial)
        (i32.or
          (i32.and (i32.shl (local.get $s) (i32.const 8)) (i32.const 0xff00))
          (i32.shr_u (local.get $s) (i32.const 8))))))

  ;; Folds a sum below 2^17 to 16 bits.
  (func $fold (param $s i32) (result i32)
    (i32.add
      (i32.and (local.get $s) (i32.const 0xffff))
      (i32.shr_u (local.get $s) (i32.const 16))))

  ;; The sum of the bytes [at, end), 512 KiB at most, and of a sum of 16 bits; 16 bits.
  (func (export "sum") (param $at i32) (param $end i32) (param $initial i32) (result i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $sum i64)
    (block $short
      (br_if $short (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 64)))
      (loop $next
        (local.set $a (i32x4.add (local.get $a)
          (i32x4.extadd_pairwise_i16x8_u (v128.load (local.get $at)))))
        (local.set $b (i32x4.add (local.get $b)
          (i32x4.extadd_pairwise_i16x8_u (v128.load offset=16 (local.get $at)))))
        (local.set $c (i32x4.add (local.get $c)
          (i32x4.extadd_pairwise_i16x8_u (v128.load offset=32 (local.get $at)))))
        (local.set $d (i32x4.add (local.get $d)
          (i32x4.extadd_pairwise_i16x8_u (v128.load offset=48 (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $next (i32.ge_u (i32.sub (local.get $end) (local.get $at)) (i32.const 64)))))
    (local.set $a
      (i32x4.add
        (i32x4.add (local.get $a) (local.get $b))
        (i32x4.add (local.get $c) (local.get $d))))
    (block $rest
      (loop $next
        (br_if $rest (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 16)))
        (local.set $a (i32x4.add (local.get $a)
          (i32x4.extadd_pairwise_i16x8_u (v128.load (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))
    ;; 15 bytes at most are left
    (if (i32.and (i32.sub (local.get $end) (local.get $at)) (i32.const 8))
      (then
        (local.set $a (i32x4.add (local.get $a)
          (i32x4.extadd_pairwise_i16x8_u (v128.load64_zero (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))))
    (local.set $sum (call $lanes (local.get $a)))
    (if (i32.and (i32.sub (local.get $end) (local.get $at)) (i32.const 4))
      (then
        (local.set $sum (i64.add (local.get $sum) (i64.load32_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))))
    (if (i32.and (i32.sub (local.get $end) (local.get $at)) (i32.const 2))
      (then
        (local.set $sum (i64.add (local.get $sum) (i64.load16_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 2)))))
    (if (i32.lt_u (local.get $at) (local.get $end))
      (then
        (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $at))))))
    (call $finish (local.get $sum) (local.get $initial)))

  ;; Copies $length bytes, to a place that may overlap.
  (func (export "copy") (param $from i32) (param $to i32) (param $length i32)
    (memory.copy (local.get $to) (local.get $from) (local.get $length)))

  ;; Copies $length bytes, 512 KiB at most, to a place that does not overlap, and adds them up.
  (func (export "copySum")
    (param $from i32) (param $to i32) (param $length i32) (param $initial i32) (result i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $sum i64)
    (local $p v128) (local $q v128) (local $r v128) (local $s v128) (local $end i32) (local $w i64)
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (block $short
      (br_if $short (i32.lt_u (local.get $length) (i32.const 64)))
      (loop $next
        (local.set $p (v128.load (local.get $from)))
        (local.set $q (v128.load offset=16 (local.get $from)))
        (local.set $r (v128.load offset=32 (local.get $from)))
        (local.set $s (v128.load offset=48 (local.get $from)))
        (v128.store (local.get $to) (local.get $p))
        (v128.store offset=16 (local.get $to) (local.get $q))
        (v128.store offset=32 (local.get $to) (local.get $r))
        (v128.store offset=48 (local.get $to) (local.get $s))
        (local.set $a (i32x4.add (local.get $a) (i32x4.extadd_pairwise_i16x8_u (local.get $p))))
        (local.set $b (i32x4.add (local.get $b) (i32x4.extadd_pairwise_i16x8_u (local.get $q))))
        (local.set $c (i32x4.add (local.get $c) (i32x4.extadd_pairwise_i16x8_u (local.get $r))))
        (local.set $d (i32x4.add (local.get $d) (i32x4.extadd_pairwise_i16x8_u (local.get $s))))
        (local.set $from (i32.add (local.get $from) (i32.const 64)))
        (local.set $to (i32.add (local.get $to) (i32.const 64)))
        (br_if $next (i32.ge_u (i32.sub (local.get $end) (local.get $from)) (i32.const 64)))))
    (local.set $a
      (i32x4.add
        (i32x4.add (local.get $a) (local.get $b))
        (i32x4.add (local.get $c) (local.get $d))))
    (block $rest
      (loop $next
        (br_if $rest (i32.lt_u (i32.sub (local.get $end) (local.get $from)) (i32.const 16)))
        (local.set $p (v128.load (local.get $from)))
        (v128.store (local.get $to) (local.get $p))
        (local.set $a (i32x4.add (local.get $a) (i32x4.extadd_pairwise_i16x8_u (local.get $p))))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (br $next)))
    (if (i32.and (local.get $length) (i32.const 8))
      (then
        (local.set $p (v128.load64_zero (local.get $from)))
        (v128.store64_lane 0 (local.get $to) (local.get $p))
        (local.set $a (i32x4.add (local.get $a) (i32x4.extadd_pairwise_i16x8_u (local.get $p))))
        (local.set $from (i32.add (local.get $from) (i32.const 8)))
        (local.set $to (i32.add (local.get $to) (i32.const 8)))))
    (local.set $sum (call $lanes (local.get $a)))
    (if (i32.and (local.get $length) (i32.const 4))
      (then
        (local.set $w (i64.load32_u (local.get $from)))
        (i64.store32 (local.get $to) (local.get $w))
        (local.set $sum (i64.add (local.get $sum) (local.get $w)))
        (local.set $from (i32.add (local.get $from) (i32.const 4)))
        (local.set $to (i32.add (local.get $to) (i32.const 4)))))
    (if (i32.and (local.get $length) (i32.const 2))
      (then
        (local.set $w (i64.load16_u (local.get $from)))
        (i64.store16 (local.get $to) (local.get $w))
        (local.set $sum (i64.add (local.get $sum) (local.get $w)))
        (local.set $from (i32.add (local.get $from) (i32.const 2)))
        (local.set $to (i32.add (local.get $to) (i32.const 2)))))
    (if (i32.and (local.get $length) (i32.const 1))
      (then
        (local.set $w (i64.load8_u (local.get $from)))
        (i64.store8 (local.get $to) (local.get $w))
        (local.set $sum (i64.add (local.get $sum) (local.get $w)))))
    (call $finish (local.get $sum) (local.get $initial))))
