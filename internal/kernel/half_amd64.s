//go:build !noasm

#include "textflag.h"
#include "half_amd64.h"

// Numbers of registers for half_amd64.h.
#define rAX 0
#define rCX 1
#define rDX 2
#define rBX 3
#define rSI 6
#define rDI 7

DATA halfConstants<>+0(SB)/4, $1
DATA halfConstants<>+4(SB)/4, $0x7FFF
DATA halfConstants<>+8(SB)/4, $0x7FC00000
DATA halfConstants<>+12(SB)/4, $0xFFFF0000
GLOBL halfConstants<>(SB), RODATA|NOPTR, $16

#define CONSTANTS \
	VPBROADCASTD halfConstants<>+0(SB), Z31; \
	VPBROADCASTD halfConstants<>+4(SB), Z30; \
	VPBROADCASTD halfConstants<>+8(SB), Z29; \
	VPBROADCASTD halfConstants<>+12(SB), Z28

// ROUND leaves x, rounded to bfloat16, in the upper halves of y.
#define ROUND(x, y) \
	VPSRLD $16, x, y; \
	VPANDD Z31, y, y; \
	VPADDD Z30, y, y; \
	VPADDD x, y, y; \
	VCMPPS $3, x, x, K1; \
	VMOVDQA32 Z29, K1, y

// func halfAcross16(dst *uint32, src *float32, stride int)
TEXT ·halfAcross16(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), DX
	CONSTANTS
	MOVQ $16, CX

next:
	VMOVUPS (SI), Z0
	VMOVUPS (SI)(DX*1), Z1
	ROUND(Z0, Z2)
	ROUND(Z1, Z3)
	VPSRLD $16, Z2, Z2
	VPANDD Z28, Z3, Z3
	VPORD  Z3, Z2, Z2
	VMOVDQU32 Z2, (DI)
	LEAQ (SI)(DX*2), SI
	ADDQ $64, DI
	DECQ CX
	JNZ  next
	VZEROUPPER
	RET

// func halfAlong16(dst *uint32, src *float32, stride int)
TEXT ·halfAlong16(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), DX
	CONSTANTS
	MOVQ $16, CX

next:
	VMOVUPS (SI), Z0
	VMOVUPS 64(SI), Z1
	ROUND(Z0, Z2)
	ROUND(Z1, Z3)
	VPSRLD $16, Z2, Z2
	VPSRLD $16, Z3, Z3
	VPMOVDW Z2, (DI)
	VPMOVDW Z3, 32(DI)
	ADDQ DX, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  next
	VZEROUPPER
	RET

// func dotTiles(p *halfProduct)
TEXT ·dotTiles(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), R8
	MOVQ 0(R8), R9   // c
	MOVQ 8(R8), AX   // a
	MOVQ 16(R8), DI  // b
	MOVQ 24(R8), R10 // ldc
	MOVQ 32(R8), R11 // blocks
	LEAQ 512(AX), BX
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	VPXORD Z4, Z4, Z4
	VPXORD Z5, Z5, Z5
	VPXORD Z6, Z6, Z6
	VPXORD Z7, Z7, Z7
	VPXORD Z8, Z8, Z8
	VPXORD Z9, Z9, Z9
	VPXORD Z10, Z10, Z10
	VPXORD Z11, Z11, Z11
	VPXORD Z12, Z12, Z12
	VPXORD Z13, Z13, Z13
	VPXORD Z14, Z14, Z14
	VPXORD Z15, Z15, Z15
	CMPQ 40(R8), $0
	JE   block
	MOVQ R9, SI
#define GET(v) VMOVUPS (SI), v; ADDQ R10, SI
	GET(Z0)
	GET(Z1)
	GET(Z2)
	GET(Z3)
	GET(Z4)
	GET(Z5)
	GET(Z6)
	GET(Z7)
	GET(Z8)
	GET(Z9)
	GET(Z10)
	GET(Z11)
	GET(Z12)
	GET(Z13)
	GET(Z14)
	GET(Z15)

block:
	MOVQ $16, CX

pair:
	VMOVUPS (DI), Z16
	VDPBF16PS_AX(0)
	VDPBF16PS_AX(1)
	VDPBF16PS_AX(2)
	VDPBF16PS_AX(3)
	VDPBF16PS_AX(4)
	VDPBF16PS_AX(5)
	VDPBF16PS_AX(6)
	VDPBF16PS_AX(7)
	VDPBF16PS_BX(0)
	VDPBF16PS_BX(1)
	VDPBF16PS_BX(2)
	VDPBF16PS_BX(3)
	VDPBF16PS_BX(4)
	VDPBF16PS_BX(5)
	VDPBF16PS_BX(6)
	VDPBF16PS_BX(7)
	ADDQ $4, AX
	ADDQ $4, BX
	ADDQ $64, DI
	DECQ CX
	JNZ  pair
	ADDQ $(2048-64), AX
	ADDQ $(2048-64), BX
	ADDQ $1024, DI
	DECQ R11
	JNZ  block
#define SET(v) VMOVUPS v, (R9); ADDQ R10, R9
	SET(Z0)
	SET(Z1)
	SET(Z2)
	SET(Z3)
	SET(Z4)
	SET(Z5)
	SET(Z6)
	SET(Z7)
	SET(Z8)
	SET(Z9)
	SET(Z10)
	SET(Z11)
	SET(Z12)
	SET(Z13)
	SET(Z14)
	SET(Z15)
	VZEROUPPER
	RET

// func amxTiles(p *halfProduct, shapes *[64]byte)
TEXT ·amxTiles(SB), NOSPLIT, $0-16
	MOVQ shapes+8(FP), AX
	LDTILECFG_AX
	MOVQ p+0(FP), R8
	MOVQ 0(R8), R9   // c
	MOVQ 8(R8), SI   // a, of one strip after the other
	MOVQ 24(R8), BX  // ldc
	MOVQ 48(R8), R12 // strips
	MOVQ $64, DX

strip:
	MOVQ 16(R8), DI  // b
	MOVQ 32(R8), R11 // blocks
	MOVQ R9, AX
	MOVQ BX, CX
	SHLQ $4, CX
	ADDQ AX, CX
	CMPQ 40(R8), $0
	JE   zero
	TILELOADD(0, rAX, rBX)
	TILELOADD(2, rCX, rBX)
	ADDQ $64, AX
	ADDQ $64, CX
	TILELOADD(1, rAX, rBX)
	TILELOADD(3, rCX, rBX)
	JMP  block

zero:
	TILEZERO(0)
	TILEZERO(1)
	TILEZERO(2)
	TILEZERO(3)
	ADDQ $64, AX
	ADDQ $64, CX

block:
	TILELOADD(4, rSI, rDX)
	TILELOADD(6, rDI, rDX)
	ADDQ $1024, SI
	ADDQ $1024, DI
	TDPBF16PS(6, 4, 0)
	TILELOADD(5, rSI, rDX)
	TDPBF16PS(6, 5, 2)
	TILELOADD(7, rDI, rDX)
	ADDQ $1024, SI
	ADDQ $1024, DI
	TDPBF16PS(7, 4, 1)
	TDPBF16PS(7, 5, 3)
	DECQ R11
	JNZ  block
	TILESTORED(1, rAX, rBX)
	TILESTORED(3, rCX, rBX)
	SUBQ $64, AX
	SUBQ $64, CX
	TILESTORED(0, rAX, rBX)
	TILESTORED(2, rCX, rBX)
	MOVQ BX, AX
	SHLQ $5, AX
	ADDQ AX, R9
	DECQ R12
	JNZ  strip
	TILERELEASE
	RET
