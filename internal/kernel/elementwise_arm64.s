//go:build !noasm

#include "textflag.h"
#include "neon_arm64.h"

// Functions of arrays go over four numbers at a time, and over what is left one by
// one in the same instructions, so that a result does not depend on its place. A
// body finds its operands in V0, V1 and V2, a scalar in V31, ones in V30, and leaves
// its result in V0.

#define ARRAYS1(NAME, BODY) \
TEXT NAME(SB), NOSPLIT, $0-24; \
	MOVD dst+0(FP), R0; \
	MOVD a+8(FP), R1; \
	MOVD n+16(FP), R3; \
	ONES; \
	SUBS $4, R3; \
	BLT rest; \
next: \
	VLD1.P 16(R1), [V0.S4]; \
	BODY; \
	VST1.P [V0.S4], 16(R0); \
	SUBS $4, R3; \
	BGE next; \
rest: \
	ADDS $4, R3; \
	BEQ done; \
one: \
	FMOVS.P 4(R1), F0; \
	BODY; \
	FMOVS.P F0, 4(R0); \
	SUBS $1, R3; \
	BNE one; \
done: \
	RET

#define SCALAR(NAME, BODY) \
TEXT NAME(SB), NOSPLIT, $0-32; \
	MOVD dst+0(FP), R0; \
	MOVD a+8(FP), R1; \
	FMOVS s+16(FP), F31; \
	MOVD n+24(FP), R3; \
	VDUP V31.S[0], V31.S4; \
	ONES; \
	SUBS $4, R3; \
	BLT rest; \
next: \
	VLD1.P 16(R1), [V0.S4]; \
	BODY; \
	VST1.P [V0.S4], 16(R0); \
	SUBS $4, R3; \
	BGE next; \
rest: \
	ADDS $4, R3; \
	BEQ done; \
one: \
	FMOVS.P 4(R1), F0; \
	BODY; \
	FMOVS.P F0, 4(R0); \
	SUBS $1, R3; \
	BNE one; \
done: \
	RET

#define ARRAYS2(NAME, BODY) \
TEXT NAME(SB), NOSPLIT, $0-32; \
	MOVD dst+0(FP), R0; \
	MOVD a+8(FP), R1; \
	MOVD b+16(FP), R2; \
	MOVD n+24(FP), R3; \
	ONES; \
	SUBS $4, R3; \
	BLT rest; \
next: \
	VLD1.P 16(R1), [V0.S4]; \
	VLD1.P 16(R2), [V1.S4]; \
	BODY; \
	VST1.P [V0.S4], 16(R0); \
	SUBS $4, R3; \
	BGE next; \
rest: \
	ADDS $4, R3; \
	BEQ done; \
one: \
	FMOVS.P 4(R1), F0; \
	FMOVS.P 4(R2), F1; \
	BODY; \
	FMOVS.P F0, 4(R0); \
	SUBS $1, R3; \
	BNE one; \
done: \
	RET

// A comparison leaves one where it holds.
#define EQ(n, m) FCMEQ(m, n, 0); VAND V30.B16, V0.B16, V0.B16
#define NE(n, m) FCMEQ(m, n, 0); BICV(0, 30, 0)
#define GT(n, m) FCMGT(m, n, 0); VAND V30.B16, V0.B16, V0.B16
#define GE(n, m) FCMGE(m, n, 0); VAND V30.B16, V0.B16, V0.B16

#define ADD2 FADD(1, 0, 0)
#define SUB2 FSUB(1, 0, 0)
#define MUL2 FMUL(1, 0, 0)
#define DIV2 FDIV(1, 0, 0)
#define MAX2 FMAX(1, 0, 0)
#define MIN2 FMIN(1, 0, 0)
#define GT2 GT(0, 1)
#define GE2 GE(0, 1)
#define LT2 GT(1, 0)
#define LE2 GE(1, 0)
#define EQ2 EQ(0, 1)
#define NE2 NE(0, 1)

ARRAYS2(·add4, ADD2)
ARRAYS2(·sub4, SUB2)
ARRAYS2(·mul4, MUL2)
ARRAYS2(·div4, DIV2)
ARRAYS2(·max4, MAX2)
ARRAYS2(·min4, MIN2)
ARRAYS2(·gt4, GT2)
ARRAYS2(·ge4, GE2)
ARRAYS2(·lt4, LT2)
ARRAYS2(·le4, LE2)
ARRAYS2(·eq4, EQ2)
ARRAYS2(·ne4, NE2)

#define ADDS1 FADD(31, 0, 0)
#define SUBS1 FSUB(31, 0, 0)
#define RSUBS1 FSUB(0, 31, 0)
#define MULS1 FMUL(31, 0, 0)
#define DIVS1 FDIV(31, 0, 0)
#define RDIVS1 FDIV(0, 31, 0)
#define MAXS1 FMAX(31, 0, 0)
#define MINS1 FMIN(31, 0, 0)
#define GTS1 GT(0, 31)
#define GES1 GE(0, 31)
#define LTS1 GT(31, 0)
#define LES1 GE(31, 0)
#define EQS1 EQ(0, 31)
#define NES1 NE(0, 31)

SCALAR(·addS4, ADDS1)
SCALAR(·subS4, SUBS1)
SCALAR(·rsubS4, RSUBS1)
SCALAR(·mulS4, MULS1)
SCALAR(·divS4, DIVS1)
SCALAR(·rdivS4, RDIVS1)
SCALAR(·maxS4, MAXS1)
SCALAR(·minS4, MINS1)
SCALAR(·gtS4, GTS1)
SCALAR(·geS4, GES1)
SCALAR(·ltS4, LTS1)
SCALAR(·leS4, LES1)
SCALAR(·eqS4, EQS1)
SCALAR(·neS4, NES1)

#define NEG FNEG(0, 0)
#define ABS FABS(0, 0)
#define SQUARE FMUL(0, 0, 0)
#define SQRT FSQRT(0, 0)
#define RSQRT FSQRT(0, 1); FDIV(1, 30, 0)
#define RECIP FDIV(0, 30, 0)
#define FLOOR FRINTM(0, 0)
#define RELU VEOR V1.B16, V1.B16, V1.B16; FMAX(1, 0, 0)

// SIGN is ±1 by comparison of |x| with 0, and x where that fails.
#define SIGN \
	FABS(0, 1); \
	VEOR V2.B16, V2.B16, V2.B16; \
	FCMGT(2, 1, 2); \
	SIGNBIT(V0, V1); \
	VORR V30.B16, V1.B16, V1.B16; \
	VBIT V2.B16, V1.B16, V0.B16

// SIGNBIT keeps the signs of x in s.
#define SIGNBIT(x, s) VUSHR $31, x.S4, s.S4; VSHL $31, s.S4, s.S4

ARRAYS1(·neg4, NEG)
ARRAYS1(·abs4, ABS)
ARRAYS1(·square4, SQUARE)
ARRAYS1(·sqrt4, SQRT)
ARRAYS1(·rsqrt4, RSQRT)
ARRAYS1(·recip4, RECIP)
ARRAYS1(·floor4, FLOOR)
ARRAYS1(·relu4, RELU)
ARRAYS1(·sign4, SIGN)

// func axpy32(dst, a, b *float32, s float32, n int)
TEXT ·axpy32(SB), NOSPLIT, $0-40
	MOVD  dst+0(FP), R0
	MOVD  a+8(FP), R1
	MOVD  b+16(FP), R2
	FMOVS s+24(FP), F31
	MOVD  n+32(FP), R3
	VDUP  V31.S[0], V31.S4
	SUBS  $4, R3
	BLT   rest

next:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	FMUL(31, 1, 1)
	FADD(1, 0, 0)
	VST1.P [V0.S4], 16(R0)
	SUBS   $4, R3
	BGE    next

rest:
	ADDS $4, R3
	BEQ  done

one:
	FMOVS.P 4(R1), F0
	FMOVS.P 4(R2), F1
	FMULS   F31, F1, F1
	FADDS   F1, F0, F0
	FMOVS.P F0, 4(R0)
	SUBS    $1, R3
	BNE     one

done:
	RET

// func select32(dst, a, b, c *float32, n int)
TEXT ·select32(SB), NOSPLIT, $0-40
	MOVD dst+0(FP), R0
	MOVD a+8(FP), R1
	MOVD b+16(FP), R2
	MOVD c+24(FP), R4
	MOVD n+32(FP), R3
	SUBS $4, R3
	BLT  rest

next:
	VLD1.P 16(R1), [V0.S4]
	VLD1.P 16(R2), [V1.S4]
	VLD1.P 16(R4), [V2.S4]
	FCMEQ0(0, 0)
	VBIT   V0.B16, V2.B16, V1.B16
	VST1.P [V1.S4], 16(R0)
	SUBS   $4, R3
	BGE    next

rest:
	ADDS $4, R3
	BEQ  done

one:
	FMOVS.P 4(R1), F0
	FMOVS.P 4(R2), F1
	FMOVS.P 4(R4), F2
	FCMEQ0(0, 0)
	VBIT    V0.B16, V2.B16, V1.B16
	FMOVS.P F1, 4(R0)
	SUBS    $1, R3
	BNE     one

done:
	RET

// STEP goes on with a polynomial in x: t = p·x + the next constant.
#define STEP(x, p, t) CONSTANT(t); VFMLA x.S4, p.S4, t.S4

// SPLIT takes e^x of V0 apart as 2^n·(1 + f): n in the low bits of V1, f in V3. The
// polynomial is that of the other families. Leaves V0 as it is.
#define SPLIT \
	CONSTANT(V1); \
	CONSTANT(V2); \
	VFMLA V2.S4, V0.S4, V1.S4; \
	CONSTANT(V2); \
	FSUB(2, 1, 2); \
	VORR V0.B16, V0.B16, V3.B16; \
	CONSTANT(V4); \
	VFMLS V4.S4, V2.S4, V3.S4; \
	CONSTANT(V4); \
	VFMLS V4.S4, V2.S4, V3.S4; \
	CONSTANT(V4); \
	STEP(V3, V4, V5); \
	STEP(V3, V5, V4); \
	STEP(V3, V4, V5); \
	STEP(V3, V5, V4); \
	FMUL(3, 3, 5); \
	VFMLA V5.S4, V4.S4, V3.S4

// WITHIN keeps V0, NaN too, within the next two constants.
#define WITHIN \
	CONSTANT(V1); \
	FMIN(1, 0, 0); \
	CONSTANT(V1); \
	FMAX(1, 0, 0)

// EXPONENTIAL is e^V0 in V0: 2^n is multiplied in two halves, so that the result may
// be a denormal, 0 or infinite where neither is.
#define EXPONENTIAL \
	WITHIN; \
	SPLIT; \
	FADD(3, 30, 0); \
	CONSTANT(V4); \
	VSUB V4.S4, V1.S4, V1.S4; \
	SSHR1(1, 4); \
	VSUB V4.S4, V1.S4, V1.S4; \
	VSHL $23, V1.S4, V1.S4; \
	VADD V30.S4, V1.S4, V1.S4; \
	FMUL(1, 0, 0); \
	VSHL $23, V4.S4, V4.S4; \
	VADD V30.S4, V4.S4, V4.S4; \
	FMUL(4, 0, 0)

#define EXP MOVD $·neonExp(SB), R5; EXPONENTIAL
#define EXPS MOVD $·neonExp(SB), R5; FSUB(31, 0, 0); EXPONENTIAL

ARRAYS1(·exp4, EXP)
SCALAR(·expS4, EXPS)

// EXPM1 is 2·(2^(n−1)·f + (2^(n−1) − ½)), and x where that is tiny.
#define EXPM1 \
	MOVD $·neonExpm1(SB), R5; \
	VORR V0.B16, V0.B16, V6.B16; \
	WITHIN; \
	SPLIT; \
	CONSTANT(V2); \
	VSHL $23, V1.S4, V1.S4; \
	VADD V2.S4, V1.S4, V1.S4; \
	FSUB(2, 1, 0); \
	VFMLA V1.S4, V3.S4, V0.S4; \
	FADD(0, 0, 0); \
	FABS(6, 1); \
	CONSTANT(V2); \
	FCMGT(1, 2, 1); \
	VBIT V1.B16, V6.B16, V0.B16

ARRAYS1(·expm14, EXPM1)

// LOGPARTS is V0 = 2^k·(1+f), √½ ≤ 1+f < √2, of a normal number not below 0: k as
// an integer in V1, f in V2. V3 is left as the bits of 2^k, less one's.
#define LOGPARTS \
	CONSTANT(V1); \
	VSUB V1.S4, V0.S4, V1.S4; \
	SSHR23(1, 1); \
	VSHL $23, V1.S4, V3.S4; \
	VSUB V3.S4, V0.S4, V2.S4; \
	FSUB(30, 2, 2)

// LOGSUM is V1·ln 2 + ln(1+V2) in V0; then, by V6, −∞ at V7, NaN below and infinity
// at infinity.
#define LOGSUM \
	CONSTANT(V3); \
	STEP(V2, V3, V4); \
	STEP(V2, V4, V3); \
	STEP(V2, V3, V4); \
	STEP(V2, V4, V3); \
	STEP(V2, V3, V4); \
	STEP(V2, V4, V3); \
	STEP(V2, V3, V4); \
	STEP(V2, V4, V3); \
	STEP(V2, V3, V4); \
	FMUL(2, 2, 0); \
	FMUL(4, 0, 0); \
	CONSTANT(V3); \
	VFMLA V3.S4, V1.S4, V0.S4; \
	FADD(0, 2, 0); \
	CONSTANT(V3); \
	VFMLA V3.S4, V1.S4, V0.S4; \
	FCMEQ(7, 6, 2); \
	CONSTANT(V3); \
	VBIT V2.B16, V3.B16, V0.B16; \
	FCMGE(7, 6, 2); \
	ORNV(2, 0, 0); \
	CONSTANT(V3); \
	FCMEQ(3, 6, 2); \
	VBIT V2.B16, V6.B16, V0.B16

// LOG raises denormals to normal numbers first.
#define LOG \
	MOVD $·neonLog(SB), R5; \
	VORR V0.B16, V0.B16, V6.B16; \
	VEOR V7.B16, V7.B16, V7.B16; \
	CONSTANT(V1); \
	FCMGT(0, 1, 5); \
	CONSTANT(V1); \
	FMUL(1, 0, 1); \
	VBIT V5.B16, V1.B16, V0.B16; \
	CONSTANT(V1); \
	VAND V1.B16, V5.B16, V5.B16; \
	LOGPARTS; \
	SCVTF(1, 1); \
	FADD(5, 1, 1); \
	LOGSUM

ARRAYS1(·log4, LOG)

// LOG1P takes u = 1+x apart and gives f back what the sum lost, x − (u−1), at its
// scale. The result has the sign of x, that of a zero too.
#define LOG1P \
	MOVD $·neonLog1p(SB), R5; \
	VORR V0.B16, V0.B16, V6.B16; \
	FNEG(30, 7); \
	FADD(30, 0, 0); \
	FSUB(30, 0, 5); \
	FSUB(5, 6, 5); \
	LOGPARTS; \
	VSUB V3.S4, V30.S4, V3.S4; \
	VEOR V4.B16, V4.B16, V4.B16; \
	SMAX(4, 3, 3); \
	VFMLA V3.S4, V5.S4, V2.S4; \
	SCVTF(1, 1); \
	LOGSUM; \
	SIGNBIT(V6, V1); \
	VORR V1.B16, V0.B16, V0.B16

ARRAYS1(·log1p4, LOG1P)

// TANH is x + x³·g(x²) below ⅝ and 1 − 2/(e^2|x| + 1) with the sign of x above.
#define TANH \
	MOVD $·neonTanh(SB), R5; \
	VORR V0.B16, V0.B16, V6.B16; \
	FABS(0, 7); \
	FADD(7, 7, 0); \
	CONSTANT(V1); \
	FMIN(1, 0, 0); \
	SPLIT; \
	VSHL $23, V1.S4, V1.S4; \
	VADD V30.S4, V1.S4, V1.S4; \
	VORR V1.B16, V1.B16, V2.B16; \
	VFMLA V1.S4, V3.S4, V2.S4; \
	FADD(30, 2, 2); \
	FADD(30, 30, 1); \
	FDIV(2, 1, 0); \
	FSUB(0, 30, 0); \
	FMUL(6, 6, 1); \
	CONSTANT(V2); \
	STEP(V1, V2, V3); \
	STEP(V1, V3, V2); \
	STEP(V1, V2, V3); \
	STEP(V1, V3, V2); \
	STEP(V1, V2, V3); \
	FMUL(1, 6, 1); \
	VORR V6.B16, V6.B16, V2.B16; \
	VFMLA V1.S4, V3.S4, V2.S4; \
	CONSTANT(V1); \
	FCMGT(7, 1, 1); \
	VBIT V1.B16, V2.B16, V0.B16; \
	SIGNBIT(V6, V1); \
	VORR V1.B16, V0.B16, V0.B16

ARRAYS1(·tanh4, TANH)

// SIGMOID is 1/(1+e) with e = e^−|x|, or e/(1+e) below 0, and the quotient is mended
// by what it misses.
#define SIGMOID \
	MOVD $·neonSigmoid(SB), R5; \
	SSHR31(0, 7); \
	FABS(0, 0); \
	FNEG(0, 0); \
	EXPONENTIAL; \
	FADD(0, 30, 1); \
	VBSL V30.B16, V0.B16, V7.B16; \
	FDIV(1, 7, 2); \
	FSUB(2, 7, 7); \
	VFMLS V0.S4, V2.S4, V7.S4; \
	CONSTANT(V3); \
	VFMLA V3.S4, V7.S4, V2.S4; \
	VORR V2.B16, V2.B16, V0.B16

ARRAYS1(·sigmoid4, SIGMOID)

// SOFTPLUS is max(x, 0) + z + z²·q(z) with z = e^−|x|, and below ¾ the series of
// x/2 + ln 2 + ln cosh ½x.
#define SOFTPLUS \
	MOVD $·neonSoftplus(SB), R5; \
	VORR V0.B16, V0.B16, V6.B16; \
	FABS(0, 0); \
	FNEG(0, 0); \
	EXPONENTIAL; \
	CONSTANT(V3); \
	STEP(V0, V3, V4); \
	STEP(V0, V4, V3); \
	STEP(V0, V3, V4); \
	STEP(V0, V4, V3); \
	STEP(V0, V3, V4); \
	STEP(V0, V4, V3); \
	STEP(V0, V3, V4); \
	STEP(V0, V4, V3); \
	STEP(V0, V3, V4); \
	FMUL(0, 0, 1); \
	VFMLA V1.S4, V4.S4, V0.S4; \
	VEOR V1.B16, V1.B16, V1.B16; \
	FMAX(6, 1, 1); \
	FADD(0, 1, 0); \
	FMUL(6, 6, 1); \
	CONSTANT(V3); \
	STEP(V1, V3, V4); \
	STEP(V1, V4, V3); \
	STEP(V1, V3, V4); \
	CONSTANT(V3); \
	CONSTANT(V2); \
	VFMLA V2.S4, V6.S4, V3.S4; \
	VFMLA V1.S4, V4.S4, V3.S4; \
	CONSTANT(V2); \
	FCMGT(1, 2, 2); \
	VBIT V2.B16, V3.B16, V0.B16

ARRAYS1(·softplus4, SOFTPLUS)

// ERF is x + x·p(x²) up to 1 and a fit around 5/2 from there to 4, where it reaches 1.
#define ERF \
	MOVD $·neonErf(SB), R5; \
	FABS(0, 7); \
	CONSTANT(V1); \
	FMIN(1, 7, 1); \
	CONSTANT(V2); \
	FSUB(2, 1, 1); \
	CONSTANT(V2); \
	FMUL(2, 1, 1); \
	CONSTANT(V3); \
	STEP(V1, V3, V4); \
	STEP(V1, V4, V3); \
	STEP(V1, V3, V4); \
	STEP(V1, V4, V3); \
	STEP(V1, V3, V4); \
	STEP(V1, V4, V3); \
	STEP(V1, V3, V4); \
	STEP(V1, V4, V3); \
	STEP(V1, V3, V4); \
	STEP(V1, V4, V3); \
	STEP(V1, V3, V4); \
	STEP(V1, V4, V3); \
	STEP(V1, V3, V4); \
	STEP(V1, V4, V3); \
	SIGNBIT(V0, V1); \
	VORR V1.B16, V3.B16, V3.B16; \
	FMUL(0, 0, 1); \
	CONSTANT(V2); \
	STEP(V1, V2, V4); \
	STEP(V1, V4, V2); \
	STEP(V1, V2, V4); \
	STEP(V1, V4, V2); \
	STEP(V1, V2, V4); \
	STEP(V1, V4, V2); \
	STEP(V1, V2, V4); \
	VFMLA V0.S4, V4.S4, V0.S4; \
	FCMGT(7, 30, 1); \
	VBIF V1.B16, V3.B16, V0.B16

ARRAYS1(·erf4, ERF)
