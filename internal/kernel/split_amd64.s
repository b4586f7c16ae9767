//go:build !noasm

#include "textflag.h"
#include "half_amd64.h"

// Numbers of registers for half_amd64.h.
#define rCX 1
#define rDX 2
#define rBX 3
#define rSI 6
#define rDI 7

DATA splitConstants<>+0(SB)/4, $0x00008000
DATA splitConstants<>+4(SB)/4, $0xFFFF0000
GLOBL splitConstants<>(SB), RODATA|NOPTR, $8

#define CONSTANTS \
	VPBROADCASTD splitConstants<>+0(SB), Z25; \
	VPBROADCASTD splitConstants<>+4(SB), Z26

// NEAREST leaves in y the eight leading bits of x, to the nearest.
#define NEAREST(x, y) \
	VPADDD Z25, x, y; \
	VPANDD Z26, y, y

// SPLIT leaves the parts of Z0 in Z2, Z4, Z6 and those of Z1 in Z3, Z5, Z7.
#define SPLIT \
	NEAREST(Z0, Z2); \
	NEAREST(Z1, Z3); \
	VSUBPS Z2, Z0, Z0; \
	VSUBPS Z3, Z1, Z1; \
	VPANDD Z26, Z0, Z4; \
	VPANDD Z26, Z1, Z5; \
	VSUBPS Z4, Z0, Z6; \
	VSUBPS Z5, Z1, Z7

// PUT stores them as pairs at dst, one behind the other by parts.
#define PUT(dst, at) \
	VPSRLD $16, Z2, Z2; \
	VPSRLD $16, Z4, Z4; \
	VPSRLD $16, Z6, Z6; \
	VPORD Z3, Z2, Z2; \
	VPORD Z5, Z4, Z4; \
	VPORD Z7, Z6, Z6; \
	VMOVDQA32 Z2, (at)(dst); \
	VMOVDQA32 Z4, (at+2048)(dst); \
	VMOVDQA32 Z6, (at+4096)(dst)

// func splitAlong(p *splitting)
TEXT ·splitAlong(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), R8
	MOVQ 0(R8), R9   // dst
	MOVQ 8(R8), R10  // src
	MOVQ 16(R8), DX  // stride
	MOVQ 24(R8), R11 // lines
	MOVQ 32(R8), R12 // blocks
	MOVQ 40(R8), BX  // half of a block, in bytes
	CONSTANTS
	KMOVW 48(R8), K1
	KMOVW 48(R8), K2

block:
	CMPQ R12, $1
	JNE  begin
	KMOVW 52(R8), K1
	KMOVW 56(R8), K2

begin:
	MOVQ R9, DI
	MOVQ R10, SI
	MOVQ R11, CX

line:
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z (SI)(BX*1), K2, Z1
	PREFETCHT0 512(SI)
	PREFETCHT0 576(SI)
	SPLIT
	PUT(DI, 0)
	ADDQ DX, SI
	ADDQ $64, DI
	DECQ CX
	JNZ  line
	LEAQ (R10)(BX*2), R10
	ADDQ $6144, R9
	DECQ R12
	JNZ  block
	VZEROUPPER
	RET

// func splitAcross(p *splitting)
TEXT ·splitAcross(SB), NOSPLIT, $0-8
	MOVQ p+0(FP), R8
	MOVQ 0(R8), DI   // dst
	MOVQ 8(R8), SI   // src
	MOVQ 16(R8), DX  // stride
	MOVQ 32(R8), R12 // blocks
	MOVQ 40(R8), R13
	SHRQ $2, R13     // pairs of a block
	MOVQ R13, R9
	IMULQ DX, R9     // from the first of a pair to the second
	CONSTANTS
	KMOVW 60(R8), K1 // columns
	KMOVW 64(R8), K2
	MOVQ 72(R8), R10 // rows left

block:
	XORQ CX, CX

pair:
	KXORW K3, K3, K3
	KXORW K4, K4, K4
	KXORW K5, K5, K5
	KXORW K6, K6, K6
	CMPQ CX, R10
	JGE  load
	KMOVW K1, K3
	KMOVW K2, K4
	LEAQ (CX)(R13*1), AX
	CMPQ AX, R10
	JGE  load
	KMOVW K1, K5
	KMOVW K2, K6

load:
	VMOVUPS.Z (SI), K3, Z0
	VMOVUPS.Z (SI)(R9*1), K5, Z1
	PREFETCHT1 128(SI)
	PREFETCHT1 192(SI)
	SPLIT
	PUT(DI, 0)
	VMOVUPS.Z 64(SI), K4, Z0
	VMOVUPS.Z 64(SI)(R9*1), K6, Z1
	PREFETCHT1 128(SI)(R9*1)
	PREFETCHT1 192(SI)(R9*1)
	SPLIT
	PUT(DI, 1024)
	ADDQ DX, SI
	ADDQ $64, DI
	INCQ CX
	CMPQ CX, R13
	JNE  pair
	ADDQ R9, SI
	MOVQ R13, AX
	SHLQ $6, AX
	SUBQ AX, DI
	ADDQ $6144, DI
	SUBQ R13, R10
	SUBQ R13, R10
	DECQ R12
	JNZ  block
	VZEROUPPER
	RET

#define A(t, part) TILELOADD_AT(t, rSI, rDX, part)
#define B(t, part) TILELOADD_AT(t, rDI, rDX, part)

#define FOUR \
	TDPBF16PS(6, 4, 0); \
	TDPBF16PS(6, 5, 2); \
	TDPBF16PS(7, 4, 1); \
	TDPBF16PS(7, 5, 3)

#define TALL \
	TDPBF16PS(6, 4, 0); \
	TDPBF16PS(6, 5, 2)

#define FLAT \
	TDPBF16PS(6, 4, 0); \
	TDPBF16PS(7, 4, 1)

#define ONE TDPBF16PS(6, 4, 0)

#define NEXT(label) \
	ADDQ $6144, SI; \
	ADDQ $6144, DI; \
	DECQ R11; \
	JNZ  label; \
	JMP  store

// ASK asks for two rows of C.
#define ASK \
	PREFETCHT0 (BP); \
	PREFETCHT0 64(BP); \
	PREFETCHT0 124(BP); \
	PREFETCHT0 (BP)(R13*1); \
	PREFETCHT0 64(BP)(R13*1); \
	PREFETCHT0 124(BP)(R13*1); \
	LEAQ (BP)(R13*2), BP

// func splitTiles(p *splitProduct, shapes *[64]byte)
TEXT ·splitTiles(SB), NOSPLIT, $8-16
	MOVQ p+0(FP), R8
	MOVQ shapes+8(FP), AX
	LDTILECFG_AX
	MOVQ 0(R8), R9    // c
	MOVQ 8(R8), SI    // a, of one strip after the other
	MOVQ 24(R8), R13  // ldc
	MOVQ 40(R8), R12  // rows
	MOVQ 56(R8), R10  // space for a strip
	KMOVW 64(R8), K1  // columns
	KMOVW 68(R8), K2
	MOVQ 104(R8), R14 // what is packed meanwhile
	MOVQ 112(R8), R15
	CONSTANTS
	VPXORD Z31, Z31, Z31
	VPXORD Z30, Z30, Z30
	VPXORD Z29, Z29, Z29
	VPXORD Z28, Z28, Z28
	VPXORD Z27, Z27, Z27
	MOVQ $64, DX

strip:
	MOVQ 16(R8), DI  // b
	MOVQ 32(R8), R11 // blocks
	MOVQ R9, BP
	TILEZERO(0)
	TILEZERO(1)
	TILEZERO(2)
	TILEZERO(3)
	MOVQ R11, 96(R8)
	CMPQ R12, $16
	JLE  low
	CMPQ 72(R8), $1
	JE   tall

four:
	ASK
	A(4, 16)
	A(5, 20)
	B(6, 0)
	B(7, 4)
	FOUR
	ASK
	A(4, 8)
	A(5, 12)
	FOUR
	MOVQ 144(R8), R11 // pairs of rows a block
	CMPQ R11, 128(R8)
	CMOVQGT 128(R8), R11
	SUBQ R11, 128(R8)
	TESTQ R11, R11
	JZ   packed
	MOVQ 120(R8), BX  // stride
	MOVQ BX, AX
	SHLQ $4, AX       // of half a block

pack:
	VMOVUPS (R14), Z0
	VMOVUPS (R14)(AX*1), Z1
	PREFETCHT1 128(R14)
	PREFETCHT1 192(R14)
	SPLIT
	PUT(R15, 0)
	VMOVUPS 64(R14), Z0
	VMOVUPS 64(R14)(AX*1), Z1
	PREFETCHT1 128(R14)(AX*1)
	PREFETCHT1 192(R14)(AX*1)
	SPLIT
	PUT(R15, 1024)
	ADDQ BX, R14
	ADDQ $64, R15
	DECQ 136(R8)
	JNZ  paired
	MOVQ $16, 136(R8)
	ADDQ AX, R14
	ADDQ $5120, R15

paired:
	DECQ R11
	JNZ  pack

packed:
	B(6, 8)
	B(7, 12)
	FOUR
	A(4, 0)
	A(5, 4)
	FOUR
	B(6, 0)
	B(7, 4)
	FOUR
	B(6, 16)
	B(7, 20)
	FOUR
	ADDQ $6144, SI
	ADDQ $6144, DI
	MOVQ 96(R8), R11
	DECQ R11
	MOVQ R11, 96(R8)
	JNZ  four
	JMP  store

tall:
	A(4, 16)
	A(5, 20)
	B(6, 0)
	TALL
	A(4, 8)
	A(5, 12)
	TALL
	B(6, 8)
	TALL
	A(4, 0)
	A(5, 4)
	TALL
	B(6, 0)
	TALL
	B(6, 16)
	TALL
	NEXT(tall)

low:
	CMPQ 72(R8), $1
	JE   one

flat:
	A(4, 16)
	B(6, 0)
	B(7, 4)
	FLAT
	A(4, 8)
	FLAT
	B(6, 8)
	B(7, 12)
	FLAT
	A(4, 0)
	FLAT
	B(6, 0)
	B(7, 4)
	FLAT
	B(6, 16)
	B(7, 20)
	FLAT
	NEXT(flat)

one:
	A(4, 16)
	B(6, 0)
	ONE
	A(4, 8)
	ONE
	B(6, 8)
	ONE
	A(4, 0)
	ONE
	B(6, 0)
	ONE
	B(6, 16)
	ONE
	NEXT(one)

store:
	CMPQ 80(R8), $0
	JE   apart
	CMPQ 48(R8), $0
	JNE  apart
	CMPQ R12, $32
	JLT  apart
	MOVQ R9, CX
	MOVQ R13, BX
	MOVQ BX, AX
	SHLQ $4, AX
	TILESTORED(0, rCX, rBX)
	ADDQ $64, CX
	TILESTORED(1, rCX, rBX)
	ADDQ AX, CX
	TILESTORED(3, rCX, rBX)
	SUBQ $64, CX
	TILESTORED(2, rCX, rBX)
	CMPQ 88(R8), $0
	JE   below
	MOVQ $16, AX

	// What is not finite times 0 is not 0.
straight:
	VFMADD231PS (R9), Z30, Z31
	VFMADD231PS 64(R9), Z30, Z29
	VFMADD231PS (R9)(R13*1), Z30, Z28
	VFMADD231PS 64(R9)(R13*1), Z30, Z27
	LEAQ (R9)(R13*2), R9
	DECQ AX
	JNZ  straight
	SUBQ $32, R12
	JG   strip
	JMP  done

below:
	LEAQ (R9)(AX*2), R9
	SUBQ $32, R12
	JG   strip
	JMP  done

apart:
	MOVQ $128, BX
	MOVQ R10, CX
	TILESTORED(0, rCX, rBX)
	ADDQ $64, CX
	TILESTORED(1, rCX, rBX)
	ADDQ $1984, CX
	TILESTORED(2, rCX, rBX)
	ADDQ $64, CX
	TILESTORED(3, rCX, rBX)
	MOVQ $32, R11
	CMPQ R12, R11
	CMOVQLT R12, R11
	MOVQ R10, CX
	CMPQ 48(R8), $0
	JE   set

add:
	VMOVUPS.Z (R9), K1, Z0
	VMOVUPS.Z 64(R9), K2, Z1
	VADDPS (CX), Z0, Z0
	VADDPS 64(CX), Z1, Z1
	VFMADD231PS Z0, Z30, K1, Z31
	VFMADD231PS Z1, Z30, K2, Z29
	VMOVUPS Z0, K1, (R9)
	VMOVUPS Z1, K2, 64(R9)
	ADDQ $128, CX
	ADDQ R13, R9
	DECQ R11
	JNZ  add
	SUBQ $32, R12
	JG   strip
	JMP  done

set:
	VMOVUPS (CX), Z0
	VMOVUPS 64(CX), Z1
	VFMADD231PS Z0, Z30, K1, Z31
	VFMADD231PS Z1, Z30, K2, Z29
	VMOVUPS Z0, K1, (R9)
	VMOVUPS Z1, K2, 64(R9)
	ADDQ $128, CX
	ADDQ R13, R9
	DECQ R11
	JNZ  set
	SUBQ $32, R12
	JG   strip

done:
	MOVQ R14, 104(R8)
	MOVQ R15, 112(R8)
	VADDPS Z29, Z31, Z31
	VADDPS Z27, Z28, Z28
	VADDPS Z28, Z31, Z31
	VCMPPS $4, Z30, Z31, K3
	XORQ AX, AX
	KORTESTW K3, K3
	SETNE AX
	MOVQ AX, 160(R8)
	TILERELEASE
	VZEROUPPER
	RET
