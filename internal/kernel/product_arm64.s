//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

#define ZERO3(a, b, c) \
	VEOR a.B16, a.B16, a.B16; \
	VEOR b.B16, b.B16, b.B16; \
	VEOR c.B16, c.B16, c.B16

// FIELDS loads a product: c to R1, a to R2, b to R3, C's row to R4, A's column to R5,
// B's row to R6, k to R7, add to R8.
#define FIELDS \
	MOVD p+0(FP), R0; \
	LDP 0(R0), (R1, R2); \
	LDP 16(R0), (R3, R4); \
	LDP 32(R0), (R5, R6); \
	LDP 48(R0), (R7, R8)

// PUT stores a row of 12 sums, or adds it to what is there.
#define PUT(a, b, c, va, vb, vc) \
	CBZ R8, 5(PC); \
	VLD1 (R1), [V0.S4, V1.S4, V2.S4]; \
	FADD(a, 0, a); \
	FADD(b, 1, b); \
	FADD(c, 2, c); \
	VST1 [va.S4, vb.S4, vc.S4], (R1); \
	ADD R4, R1


// func tile8(p *product)
TEXT ·tile8(SB), NOSPLIT, $0-8
	FIELDS
	ZERO3(V8, V9, V10)
	ZERO3(V11, V12, V13)
	ZERO3(V14, V15, V16)
	ZERO3(V17, V18, V19)
	ZERO3(V20, V21, V22)
	ZERO3(V23, V24, V25)
	ZERO3(V26, V27, V28)
	ZERO3(V29, V30, V31)

next:
	VLD1 (R2), [V0.S4, V1.S4]
	VLD1 (R3), [V2.S4, V3.S4, V4.S4]
	ADD  R5, R2
	ADD  R6, R3
	FMLA0(0, 2, 8)
	FMLA0(0, 3, 9)
	FMLA0(0, 4, 10)
	FMLA1(0, 2, 11)
	FMLA1(0, 3, 12)
	FMLA1(0, 4, 13)
	FMLA2(0, 2, 14)
	FMLA2(0, 3, 15)
	FMLA2(0, 4, 16)
	FMLA3(0, 2, 17)
	FMLA3(0, 3, 18)
	FMLA3(0, 4, 19)
	FMLA0(1, 2, 20)
	FMLA0(1, 3, 21)
	FMLA0(1, 4, 22)
	FMLA1(1, 2, 23)
	FMLA1(1, 3, 24)
	FMLA1(1, 4, 25)
	FMLA2(1, 2, 26)
	FMLA2(1, 3, 27)
	FMLA2(1, 4, 28)
	FMLA3(1, 2, 29)
	FMLA3(1, 3, 30)
	FMLA3(1, 4, 31)
	SUBS $1, R7
	BNE  next
	PUT(8, 9, 10, V8, V9, V10)
	PUT(11, 12, 13, V11, V12, V13)
	PUT(14, 15, 16, V14, V15, V16)
	PUT(17, 18, 19, V17, V18, V19)
	PUT(20, 21, 22, V20, V21, V22)
	PUT(23, 24, 25, V23, V24, V25)
	PUT(26, 27, 28, V26, V27, V28)
	PUT(29, 30, 31, V29, V30, V31)
	RET

// func tile4(p *product)
TEXT ·tile4(SB), NOSPLIT, $0-8
	FIELDS
	ZERO3(V8, V9, V10)
	ZERO3(V11, V12, V13)
	ZERO3(V14, V15, V16)
	ZERO3(V17, V18, V19)

next:
	VLD1 (R2), [V0.S4]
	VLD1 (R3), [V2.S4, V3.S4, V4.S4]
	ADD  R5, R2
	ADD  R6, R3
	FMLA0(0, 2, 8)
	FMLA0(0, 3, 9)
	FMLA0(0, 4, 10)
	FMLA1(0, 2, 11)
	FMLA1(0, 3, 12)
	FMLA1(0, 4, 13)
	FMLA2(0, 2, 14)
	FMLA2(0, 3, 15)
	FMLA2(0, 4, 16)
	FMLA3(0, 2, 17)
	FMLA3(0, 3, 18)
	FMLA3(0, 4, 19)
	SUBS $1, R7
	BNE  next
	PUT(8, 9, 10, V8, V9, V10)
	PUT(11, 12, 13, V11, V12, V13)
	PUT(14, 15, 16, V14, V15, V16)
	PUT(17, 18, 19, V17, V18, V19)
	RET

// func tile1(p *product)
TEXT ·tile1(SB), NOSPLIT, $0-8
	FIELDS
	ZERO3(V8, V9, V10)

next:
	VLD1R (R2), [V0.S4]
	VLD1  (R3), [V2.S4, V3.S4, V4.S4]
	ADD   R5, R2
	ADD   R6, R3
	VFMLA V0.S4, V2.S4, V8.S4
	VFMLA V0.S4, V3.S4, V9.S4
	VFMLA V0.S4, V4.S4, V10.S4
	SUBS  $1, R7
	BNE   next
	PUT(8, 9, 10, V8, V9, V10)
	RET

// func wide1(p *product)
TEXT ·wide1(SB), NOSPLIT, $0-8
	FIELDS
	SUB $192, R6 // of B's row, what its 48 columns leave
	ZERO3(V20, V21, V22)
	ZERO3(V23, V24, V25)
	ZERO3(V26, V27, V28)
	ZERO3(V29, V30, V31)

next:
	VLD1R  (R2), [V0.S4]
	ADD    R5, R2
	VLD1.P 64(R3), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(R3), [V8.S4, V9.S4, V10.S4, V11.S4]
	VLD1.P 64(R3), [V12.S4, V13.S4, V14.S4, V15.S4]
	ADD    R6, R3
	VFMLA  V0.S4, V4.S4, V20.S4
	VFMLA  V0.S4, V5.S4, V21.S4
	VFMLA  V0.S4, V6.S4, V22.S4
	VFMLA  V0.S4, V7.S4, V23.S4
	VFMLA  V0.S4, V8.S4, V24.S4
	VFMLA  V0.S4, V9.S4, V25.S4
	VFMLA  V0.S4, V10.S4, V26.S4
	VFMLA  V0.S4, V11.S4, V27.S4
	VFMLA  V0.S4, V12.S4, V28.S4
	VFMLA  V0.S4, V13.S4, V29.S4
	VFMLA  V0.S4, V14.S4, V30.S4
	VFMLA  V0.S4, V15.S4, V31.S4
	SUBS   $1, R7
	BNE    next
	MOVD   $48, R4
	PUT(20, 21, 22, V20, V21, V22)
	PUT(23, 24, 25, V23, V24, V25)
	PUT(26, 27, 28, V26, V27, V28)
	PUT(29, 30, 31, V29, V30, V31)
	RET

// func turn4(dst, src *float32, dstStep, srcStep, n int)
TEXT ·turn4(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD dstStep+16(FP), R5
	MOVD srcStep+24(FP), R6
	MOVD n+32(FP), R7
	ADD  R6, R1, R2
	ADD  R6, R2, R3
	ADD  R6, R3, R4
	SUBS $4, R7
	BLT  rest

next:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	VLD1.P 16(R3), [V2.S4]
	VLD1.P 16(R4), [V3.S4]
	VTRN1  V1.S4, V0.S4, V4.S4
	VTRN2  V1.S4, V0.S4, V5.S4
	VTRN1  V3.S4, V2.S4, V6.S4
	VTRN2  V3.S4, V2.S4, V7.S4
	VZIP1  V6.D2, V4.D2, V0.D2
	VZIP1  V7.D2, V5.D2, V1.D2
	VZIP2  V6.D2, V4.D2, V2.D2
	VZIP2  V7.D2, V5.D2, V3.D2
	VST1   [V0.S4], (R0)
	ADD    R5, R0
	VST1   [V1.S4], (R0)
	ADD    R5, R0
	VST1   [V2.S4], (R0)
	ADD    R5, R0
	VST1   [V3.S4], (R0)
	ADD    R5, R0
	SUBS   $4, R7
	BGE    next

rest:
	ADDS $4, R7
	BEQ  done

one:
	VLD1.P 4(R1), V0.S[0]
	VLD1.P 4(R2), V0.S[1]
	VLD1.P 4(R3), V0.S[2]
	VLD1.P 4(R4), V0.S[3]
	VST1   [V0.S4], (R0)
	ADD    R5, R0
	SUBS   $1, R7
	BNE    one

done:
	RET
