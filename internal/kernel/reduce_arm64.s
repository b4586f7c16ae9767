//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

#define ZERO(v) VEOR v.B16, v.B16, v.B16

// What is added: a number as it is, its square, its product with that of the second
// array, the square of the difference from that.
#define PLAIN(x, y)
#define SQUARE(x, y) FMUL(x, x, x)
#define DOT(x, y) FMUL(y, x, x)
#define SPREAD(x, y) FSUB(y, x, x); FMUL(x, x, x)

#define ADD32(TAKE) \
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	VLD1.P 64(R0), [V4.S4, V5.S4, V6.S4, V7.S4]; \
	TAKE(0, 0); \
	FADD(0, 16, 16); \
	TAKE(1, 1); \
	FADD(1, 17, 17); \
	TAKE(2, 2); \
	FADD(2, 18, 18); \
	TAKE(3, 3); \
	FADD(3, 19, 19); \
	TAKE(4, 4); \
	FADD(4, 20, 20); \
	TAKE(5, 5); \
	FADD(5, 21, 21); \
	TAKE(6, 6); \
	FADD(6, 22, 22); \
	TAKE(7, 7); \
	FADD(7, 23, 23)

// SUM keeps 32 running sums in V16 to V23, in the order of plain Go's sumLeaf.
#define SUM(NAME, TAKE) \
TEXT NAME(SB), NOSPLIT, $0-28; \
	MOVD x+0(FP), R0; \
	MOVD rest+8(FP), R1; \
	MOVD blocks+16(FP), R2; \
	ZERO(V16); \
	ZERO(V17); \
	ZERO(V18); \
	ZERO(V19); \
	ZERO(V20); \
	ZERO(V21); \
	ZERO(V22); \
	ZERO(V23); \
	CBZ R2, rest; \
next: \
	ADD32(TAKE); \
	SUBS $1, R2; \
	BNE next; \
rest: \
	MOVD R1, R0; \
	ADD32(TAKE); \
	FADD(20, 16, 16); \
	FADD(21, 17, 17); \
	FADD(22, 18, 18); \
	FADD(23, 19, 19); \
	FADD(18, 16, 16); \
	FADD(19, 17, 17); \
	FADD(17, 16, 16); \
	VDUP V16.D[1], V17.D2; \
	FADD(17, 16, 16); \
	VDUP V16.S[1], V17.S4; \
	FADD(17, 16, 16); \
	FMOVS F16, ret+24(FP); \
	RET

SUM(·sum4, PLAIN)
SUM(·sumSquares4, SQUARE)

// func rowMax8(x *float32, n int) float32
TEXT ·rowMax8(SB), NOSPLIT, $0-20
	MOVD  x+0(FP), R0
	MOVD  n+8(FP), R1
	VLD1R (R0), [V0.S4]
	SUBS  $4, R1
	BLT   rest

next:
	VLD1.P 16(R0), [V1.S4]
	FMAX(1, 0, 0)
	SUBS   $4, R1
	BGE    next

rest:
	ADDS $4, R1
	BEQ  fold

one:
	VLD1R.P 4(R0), [V1.S4]
	FMAX(1, 0, 0)
	SUBS    $1, R1
	BNE     one

fold:
	FMAXV(0, 0)
	FMOVS F0, ret+16(FP)
	RET

// COLUMNS adds rows in R8, and R9 for what takes a second array: 16 columns at a
// time, then 4, then one.
#define COLUMNS(NAME, LOAD16, LOAD4, LOAD1, TAKE) \
TEXT NAME(SB), NOSPLIT, $0-64; \
	MOVD dst+0(FP), R0; \
	MOVD a+8(FP), R1; \
	MOVD b+16(FP), R2; \
	MOVD stride+24(FP), R3; \
	MOVD bStride+32(FP), R4; \
	MOVD rows+40(FP), R5; \
	MOVD cols+48(FP), R6; \
	MOVD add+56(FP), R7; \
sixteen: \
	CMP $16, R6; \
	BLT four; \
	MOVD R1, R8; \
	MOVD R2, R9; \
	MOVD R5, R10; \
	ZERO(V16); \
	ZERO(V17); \
	ZERO(V18); \
	ZERO(V19); \
row16: \
	VLD1 (R8), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	LOAD16; \
	TAKE(0, 4); \
	FADD(0, 16, 16); \
	TAKE(1, 5); \
	FADD(1, 17, 17); \
	TAKE(2, 6); \
	FADD(2, 18, 18); \
	TAKE(3, 7); \
	FADD(3, 19, 19); \
	ADD R3, R8; \
	ADD R4, R9; \
	SUBS $1, R10; \
	BNE row16; \
	CBZ R7, put16; \
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]; \
	FADD(16, 0, 16); \
	FADD(17, 1, 17); \
	FADD(18, 2, 18); \
	FADD(19, 3, 19); \
put16: \
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R0); \
	ADD $64, R1; \
	ADD $64, R2; \
	SUB $16, R6; \
	B sixteen; \
four: \
	CMP $4, R6; \
	BLT one; \
	MOVD R1, R8; \
	MOVD R2, R9; \
	MOVD R5, R10; \
	ZERO(V16); \
row4: \
	VLD1 (R8), [V0.S4]; \
	LOAD4; \
	TAKE(0, 4); \
	FADD(0, 16, 16); \
	ADD R3, R8; \
	ADD R4, R9; \
	SUBS $1, R10; \
	BNE row4; \
	CBZ R7, put4; \
	VLD1 (R0), [V0.S4]; \
	FADD(16, 0, 16); \
put4: \
	VST1.P [V16.S4], 16(R0); \
	ADD $16, R1; \
	ADD $16, R2; \
	SUB $4, R6; \
	B four; \
one: \
	CBZ R6, done; \
	MOVD R1, R8; \
	MOVD R2, R9; \
	MOVD R5, R10; \
	ZERO(V16); \
row1: \
	FMOVS (R8), F0; \
	LOAD1; \
	TAKE(0, 4); \
	FADD(0, 16, 16); \
	ADD R3, R8; \
	ADD R4, R9; \
	SUBS $1, R10; \
	BNE row1; \
	CBZ R7, put1; \
	FMOVS (R0), F0; \
	FADD(16, 0, 16); \
put1: \
	FMOVS.P F16, 4(R0); \
	ADD $4, R1; \
	ADD $4, R2; \
	SUB $1, R6; \
	B one; \
done: \
	RET

#define NOTHING
#define SECOND16 VLD1 (R9), [V4.S4, V5.S4, V6.S4, V7.S4]
#define SECOND4 VLD1 (R9), [V4.S4]
#define SECOND1 FMOVS (R9), F4

COLUMNS(·colSum4, NOTHING, NOTHING, NOTHING, PLAIN)
COLUMNS(·colDot4, SECOND16, SECOND4, SECOND1, DOT)
COLUMNS(·colSpread4, SECOND16, SECOND4, SECOND1, SPREAD)

// AFFINE goes on with the sums of W∘G in V16, of W∘db in V17 and of the squares of the
// new G in V18.
#define AFFINE \
	VFMLA V0.S4, V1.S4, V16.S4; \
	VFMLA V2.S4, V1.S4, V17.S4; \
	FMUL(30, 0, 0); \
	VFMLA V31.S4, V2.S4, V0.S4; \
	VFMLA V0.S4, V0.S4, V18.S4

// func affine32(grad, w, db, gamma, beta, dots *float32, outStride, rows, cols int)
TEXT ·affine32(SB), NOSPLIT, $0-72
	MOVD grad+0(FP), R0
	MOVD w+8(FP), R1
	MOVD db+16(FP), R2
	MOVD gamma+24(FP), R3
	MOVD beta+32(FP), R4
	MOVD dots+40(FP), R5
	MOVD outStride+48(FP), R6
	MOVD rows+56(FP), R7
	MOVD cols+64(FP), R8

row:
	VLD1R.P 4(R3), [V30.S4]
	VLD1R.P 4(R4), [V31.S4]
	ZERO(V16)
	ZERO(V17)
	ZERO(V18)
	MOVD    R2, R9
	MOVD    R8, R10
	SUBS    $4, R10
	BLT     rest

next:
	VLD1   (R0), [V0.S4]
	VLD1.P 16(R1), [V1.S4]
	VLD1.P 16(R9), [V2.S4]
	AFFINE
	VST1.P [V0.S4], 16(R0)
	SUBS   $4, R10
	BGE    next

rest:
	FADDP(16, 16, 16)
	FADDP(17, 17, 17)
	FADDP(18, 18, 18)
	FADDP(16, 16, 16)
	FADDP(17, 17, 17)
	FADDP(18, 18, 18)
	ADDS $4, R10
	BEQ  put

one:
	FMOVS   (R0), F0
	FMOVS.P 4(R1), F1
	FMOVS.P 4(R9), F2
	AFFINE
	FMOVS.P F0, 4(R0)
	SUBS    $1, R10
	BNE     one

put:
	MOVD    R5, R11
	FMOVS   F16, (R11)
	ADD     R6, R11
	FMOVS   F17, (R11)
	ADD     R6, R11
	FMOVS   F18, (R11)
	ADD     $4, R5
	SUBS    $1, R7
	BNE     row
	RET
