//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// ROWS goes over rows of n ≥ 1 numbers, four at a time and then one by one: BODY
// finds those of src in V0 and of dst in V1 and leaves the new ones of dst in V0.
#define ROWS(NAME, BODY) \
TEXT NAME(SB), NOSPLIT, $0-48; \
	MOVD dst+0(FP), R0; \
	MOVD src+8(FP), R1; \
	MOVD dstStep+16(FP), R2; \
	MOVD srcStep+24(FP), R3; \
	MOVD n+32(FP), R4; \
	MOVD rows+40(FP), R5; \
row: \
	MOVD R0, R6; \
	MOVD R1, R7; \
	MOVD R4, R8; \
	SUBS $4, R8; \
	BLT rest; \
next: \
	VLD1.P 16(R7), [V0.S4]; \
	VLD1 (R6), [V1.S4]; \
	BODY; \
	VST1.P [V0.S4], 16(R6); \
	SUBS $4, R8; \
	BGE next; \
rest: \
	ADDS $4, R8; \
	BEQ end; \
one: \
	FMOVS.P 4(R7), F0; \
	FMOVS (R6), F1; \
	BODY; \
	FMOVS.P F0, 4(R6); \
	SUBS $1, R8; \
	BNE one; \
end: \
	ADD R2, R0; \
	ADD R3, R1; \
	SUBS $1, R5; \
	BNE row; \
	RET

#define COPY
#define PLUS FADD(0, 1, 0)
#define LARGER FMAX(0, 1, 0)

ROWS(·lines32, COPY)
ROWS(·sumRows32, PLUS)
ROWS(·largest32, LARGER)

// ABOVE takes V0 and the number of the row in V30 where V0 is above V1, or NaN and V1
// is not: not V1 ≥ V0, and V1 equal to itself.
#define ABOVE \
	FCMGE(0, 1, 3); \
	FCMEQ(1, 1, 4); \
	BICV(3, 4, 3); \
	VBIT V3.B16, V0.B16, V1.B16; \
	VBIT V3.B16, V30.B16, V2.B16

// func larger32(dst *float32, index *int32, src *float32, dstStep, srcStep, n, rows, from, step int)
TEXT ·larger32(SB), NOSPLIT, $0-72
	MOVD dst+0(FP), R0
	MOVD index+8(FP), R9
	MOVD src+16(FP), R1
	MOVD dstStep+24(FP), R2
	MOVD srcStep+32(FP), R3
	MOVD n+40(FP), R4
	MOVD rows+48(FP), R5
	MOVD from+56(FP), R10
	MOVD step+64(FP), R11

row:
	VDUP R10, V30.S4
	ADD  R11, R10
	MOVD R0, R6
	MOVD R1, R7
	MOVD R9, R12
	MOVD R4, R8
	SUBS $4, R8
	BLT  rest

next:
	VLD1.P 16(R7), [V0.S4]
	VLD1   (R6), [V1.S4]
	VLD1   (R12), [V2.S4]
	ABOVE
	VST1.P [V1.S4], 16(R6)
	VST1.P [V2.S4], 16(R12)
	SUBS   $4, R8
	BGE    next

rest:
	ADDS $4, R8
	BEQ  end

one:
	FMOVS.P 4(R7), F0
	FMOVS   (R6), F1
	FMOVS   (R12), F2
	ABOVE
	FMOVS.P F1, 4(R6)
	FMOVS.P F2, 4(R12)
	SUBS    $1, R8
	BNE     one

end:
	ADD  R2, R0
	ADD  R2, R9
	ADD  R3, R1
	SUBS $1, R5
	BNE  row
	RET

// func bytes8(dst *float32, src *uint8, eights int)
TEXT ·bytes8(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD eights+16(FP), R2

next:
	VLD1.P  8(R1), [V0.B8]
	VUSHLL  $0, V0.B8, V1.H8
	VUSHLL  $0, V1.H4, V2.S4
	VUSHLL2 $0, V1.H8, V3.S4
	SCVTF(2, 2)
	SCVTF(3, 3)
	VST1.P  [V2.S4, V3.S4], 32(R0)
	SUBS    $1, R2
	BNE     next
	RET

// func ints8(dst *float32, src *int32, eights int)
TEXT ·ints8(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD eights+16(FP), R2

next:
	VLD1.P 32(R1), [V0.S4, V1.S4]
	SCVTF(0, 0)
	SCVTF(1, 1)
	VST1.P [V0.S4, V1.S4], 32(R0)
	SUBS   $1, R2
	BNE    next
	RET
