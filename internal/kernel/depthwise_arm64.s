//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// Convolutions of each channel by itself: see type depthCall, whose fields are known here
// by their offsets.

// WINDOW loads what tells of a window: x to R2, w to R3, xStep to R4, xTap to R5, wTap to
// R6, taps to R7, lines to R8, planes to R9, xLine to R15, wLine to R19, xPlane to R20,
// wPlane to R21.
#define WINDOW \
	MOVD p+0(FP), R0; \
	LDP  0(R0), (R1, R2); \
	MOVD 16(R0), R3; \
	MOVD 40(R0), R23; \
	LDP  56(R0), (R9, R8); \
	MOVD 72(R0), R7; \
	LDP  80(R0), (R4, R24); \
	LDP  96(R0), (R22, R25); \
	LDP  112(R0), (R5, R15); \
	LDP  128(R0), (R20, R6); \
	LDP  144(R0), (R19, R21)

// NEXT goes on with the next tap, line or plane, or leaves the loop.
#define NEXT \
	ADD  R5, R10; \
	ADD  R6, R11; \
	SUBS $1, R12; \
	BNE  tap; \
	ADD  R15, R10; \
	ADD  R19, R11; \
	SUBS $1, R13; \
	BNE  line; \
	ADD  R20, R10; \
	ADD  R21, R11; \
	SUBS $1, R14; \
	BNE  plane

// DOWN goes on with the next row of results, or returns.
#define DOWN \
	ADD  R24, R2; \
	ADD  R25, R1; \
	SUBS $1, R23; \
	BNE  down; \
	RET

#define ZERO4(a, b, c, d) \
	VEOR a.B16, a.B16, a.B16; \
	VEOR b.B16, b.B16, b.B16; \
	VEOR c.B16, c.B16, c.B16; \
	VEOR d.B16, d.B16, d.B16

// PLACE adds to the sums of a place of 16 channels what one tap gives, PLACE4 to those
// of 4 channels.
#define PLACE(a, b, c, d) \
	VLD1  (R26), [V4.S4, V5.S4, V6.S4, V7.S4]; \
	ADD   R4, R26; \
	VFMLA V0.S4, V4.S4, a.S4; \
	VFMLA V1.S4, V5.S4, b.S4; \
	VFMLA V2.S4, V6.S4, c.S4; \
	VFMLA V3.S4, V7.S4, d.S4

#define PLACE4(a) \
	VLD1  (R26), [V4.S4]; \
	ADD   R4, R26; \
	VFMLA V0.S4, V4.S4, a.S4

#define BIAS4(a, b, c, d) \
	FADD(0, a, a); \
	FADD(1, b, b); \
	FADD(2, c, c); \
	FADD(3, d, d)

// RECTIFY4 takes away what is below 0; V7 is 0.
#define RECTIFY4(a, b, c, d) \
	FMAX(7, a, a); \
	FMAX(7, b, b); \
	FMAX(7, c, c); \
	FMAX(7, d, d)

// func depthwise4x16(p *depthCall)
TEXT ·depthwise4x16(SB), NOSPLIT, $0-8
	WINDOW

down:
	ZERO4(V16, V17, V18, V19)
	ZERO4(V20, V21, V22, V23)
	ZERO4(V24, V25, V26, V27)
	ZERO4(V28, V29, V30, V31)
	MOVD R2, R10
	MOVD R3, R11
	MOVD R9, R14

plane:
	MOVD R8, R13

line:
	MOVD R7, R12

tap:
	VLD1 (R11), [V0.S4, V1.S4, V2.S4, V3.S4]
	MOVD R10, R26
	PLACE(V16, V17, V18, V19)
	PLACE(V20, V21, V22, V23)
	PLACE(V24, V25, V26, V27)
	PLACE(V28, V29, V30, V31)
	NEXT
	MOVD 24(R0), R26
	CBZ  R26, plain
	VLD1 (R26), [V0.S4, V1.S4, V2.S4, V3.S4]
	BIAS4(16, 17, 18, 19)
	BIAS4(20, 21, 22, 23)
	BIAS4(24, 25, 26, 27)
	BIAS4(28, 29, 30, 31)

plain:
	MOVD 168(R0), R26
	CBZ  R26, store
	VEOR V7.B16, V7.B16, V7.B16
	RECTIFY4(16, 17, 18, 19)
	RECTIFY4(20, 21, 22, 23)
	RECTIFY4(24, 25, 26, 27)
	RECTIFY4(28, 29, 30, 31)

store:
	MOVD R1, R26
	VST1 [V16.S4, V17.S4, V18.S4, V19.S4], (R26)
	ADD  R22, R26
	VST1 [V20.S4, V21.S4, V22.S4, V23.S4], (R26)
	ADD  R22, R26
	VST1 [V24.S4, V25.S4, V26.S4, V27.S4], (R26)
	ADD  R22, R26
	VST1 [V28.S4, V29.S4, V30.S4, V31.S4], (R26)
	DOWN

// func depthwise1x16(p *depthCall)
TEXT ·depthwise1x16(SB), NOSPLIT, $0-8
	WINDOW

down:
	ZERO4(V16, V17, V18, V19)
	MOVD R2, R10
	MOVD R3, R11
	MOVD R9, R14

plane:
	MOVD R8, R13

line:
	MOVD R7, R12

tap:
	VLD1 (R11), [V0.S4, V1.S4, V2.S4, V3.S4]
	MOVD R10, R26
	PLACE(V16, V17, V18, V19)
	NEXT
	MOVD 24(R0), R26
	CBZ  R26, plain
	VLD1 (R26), [V0.S4, V1.S4, V2.S4, V3.S4]
	BIAS4(16, 17, 18, 19)

plain:
	MOVD 168(R0), R26
	CBZ  R26, store
	VEOR V7.B16, V7.B16, V7.B16
	RECTIFY4(16, 17, 18, 19)

store:
	MOVD R1, R26
	VST1 [V16.S4, V17.S4, V18.S4, V19.S4], (R26)
	DOWN

// func depthwise4x4(p *depthCall)
TEXT ·depthwise4x4(SB), NOSPLIT, $0-8
	WINDOW

down:
	ZERO4(V16, V17, V18, V19)
	MOVD R2, R10
	MOVD R3, R11
	MOVD R9, R14

plane:
	MOVD R8, R13

line:
	MOVD R7, R12

tap:
	VLD1 (R11), [V0.S4]
	MOVD R10, R26
	PLACE4(V16)
	PLACE4(V17)
	PLACE4(V18)
	PLACE4(V19)
	NEXT
	MOVD 24(R0), R26
	CBZ  R26, plain
	VLD1 (R26), [V0.S4]
	FADD(0, 16, 16)
	FADD(0, 17, 17)
	FADD(0, 18, 18)
	FADD(0, 19, 19)

plain:
	MOVD 168(R0), R26
	CBZ  R26, store
	VEOR V7.B16, V7.B16, V7.B16
	RECTIFY4(16, 17, 18, 19)

store:
	MOVD R1, R26
	VST1 [V16.S4], (R26)
	ADD  R22, R26
	VST1 [V17.S4], (R26)
	ADD  R22, R26
	VST1 [V18.S4], (R26)
	ADD  R22, R26
	VST1 [V19.S4], (R26)
	DOWN

// func depthwise1x4(p *depthCall)
TEXT ·depthwise1x4(SB), NOSPLIT, $0-8
	WINDOW

down:
	VEOR V16.B16, V16.B16, V16.B16
	MOVD R2, R10
	MOVD R3, R11
	MOVD R9, R14

plane:
	MOVD R8, R13

line:
	MOVD R7, R12

tap:
	VLD1 (R11), [V0.S4]
	MOVD R10, R26
	PLACE4(V16)
	NEXT
	MOVD 24(R0), R26
	CBZ  R26, plain
	VLD1 (R26), [V0.S4]
	FADD(0, 16, 16)

plain:
	MOVD 168(R0), R26
	CBZ  R26, store
	VEOR V7.B16, V7.B16, V7.B16
	FMAX(7, 16, 16)

store:
	MOVD R1, R26
	VST1 [V16.S4], (R26)
	DOWN

// SUMS loads what tells of a gradient: y to R1, x to R2, dw to R3, rows to R23, xStep to
// R4, xTap to R5, wTap to R6, xRow to R24, yStep to R22, yRow to R25, places to R7.
#define SUMS \
	MOVD p+0(FP), R0; \
	LDP  0(R0), (R1, R2); \
	MOVD 16(R0), R3; \
	MOVD 40(R0), R23; \
	LDP  80(R0), (R4, R24); \
	LDP  96(R0), (R22, R25); \
	MOVD 112(R0), R5; \
	MOVD 136(R0), R6; \
	MOVD 160(R0), R7

// func depthFilters3x16(p *depthCall)
TEXT ·depthFilters3x16(SB), NOSPLIT, $0-8
	SUMS
	MOVD R3, R26
	VLD1 (R26), [V16.S4, V17.S4, V18.S4, V19.S4]
	ADD  R6, R26
	VLD1 (R26), [V20.S4, V21.S4, V22.S4, V23.S4]
	ADD  R6, R26
	VLD1 (R26), [V24.S4, V25.S4, V26.S4, V27.S4]

down:
	MOVD R1, R10
	MOVD R2, R11
	MOVD R7, R12

place:
	VLD1 (R10), [V0.S4, V1.S4, V2.S4, V3.S4]
	ADD  R22, R10
	MOVD R11, R26
	ADD  R4, R11
	VLD1 (R26), [V4.S4, V5.S4, V6.S4, V7.S4]
	ADD  R5, R26
	VFMLA V0.S4, V4.S4, V16.S4
	VFMLA V1.S4, V5.S4, V17.S4
	VFMLA V2.S4, V6.S4, V18.S4
	VFMLA V3.S4, V7.S4, V19.S4
	VLD1 (R26), [V4.S4, V5.S4, V6.S4, V7.S4]
	ADD  R5, R26
	VFMLA V0.S4, V4.S4, V20.S4
	VFMLA V1.S4, V5.S4, V21.S4
	VFMLA V2.S4, V6.S4, V22.S4
	VFMLA V3.S4, V7.S4, V23.S4
	VLD1 (R26), [V4.S4, V5.S4, V6.S4, V7.S4]
	VFMLA V0.S4, V4.S4, V24.S4
	VFMLA V1.S4, V5.S4, V25.S4
	VFMLA V2.S4, V6.S4, V26.S4
	VFMLA V3.S4, V7.S4, V27.S4
	SUBS $1, R12
	BNE  place
	ADD  R25, R1
	ADD  R24, R2
	SUBS $1, R23
	BNE  down
	VST1 [V16.S4, V17.S4, V18.S4, V19.S4], (R3)
	ADD  R6, R3
	VST1 [V20.S4, V21.S4, V22.S4, V23.S4], (R3)
	ADD  R6, R3
	VST1 [V24.S4, V25.S4, V26.S4, V27.S4], (R3)
	RET

// func depthFilters1x16(p *depthCall)
TEXT ·depthFilters1x16(SB), NOSPLIT, $0-8
	SUMS
	MOVD R3, R26
	VLD1 (R26), [V16.S4, V17.S4, V18.S4, V19.S4]

down:
	MOVD R1, R10
	MOVD R2, R11
	MOVD R7, R12

place:
	VLD1 (R10), [V0.S4, V1.S4, V2.S4, V3.S4]
	ADD  R22, R10
	MOVD R11, R26
	ADD  R4, R11
	VLD1 (R26), [V4.S4, V5.S4, V6.S4, V7.S4]
	VFMLA V0.S4, V4.S4, V16.S4
	VFMLA V1.S4, V5.S4, V17.S4
	VFMLA V2.S4, V6.S4, V18.S4
	VFMLA V3.S4, V7.S4, V19.S4
	SUBS $1, R12
	BNE  place
	ADD  R25, R1
	ADD  R24, R2
	SUBS $1, R23
	BNE  down
	VST1 [V16.S4, V17.S4, V18.S4, V19.S4], (R3)
	RET

// func depthFilters1x4(p *depthCall)
TEXT ·depthFilters1x4(SB), NOSPLIT, $0-8
	SUMS
	MOVD R3, R26
	VLD1 (R26), [V16.S4]

down:
	MOVD R1, R10
	MOVD R2, R11
	MOVD R7, R12

place:
	VLD1 (R10), [V0.S4]
	ADD  R22, R10
	MOVD R11, R26
	ADD  R4, R11
	VLD1 (R26), [V4.S4]
	VFMLA V0.S4, V4.S4, V16.S4
	SUBS $1, R12
	BNE  place
	ADD  R25, R1
	ADD  R24, R2
	SUBS $1, R23
	BNE  down
	VST1 [V16.S4], (R3)
	RET
