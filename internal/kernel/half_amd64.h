// The instructions for bfloat16 that Go's assembler has no names for, each as what it
// encodes to: the numbers of registers d, n, m and t, of base and index. The comment is
// what a disassembler says of it; TestHalfEncodings holds one to the other.

// Of a row of 16 sums: row d of A lies 64·d bytes behind AX, row 8+d as far behind BX.
#define VDPBF16PS_AX(d)             BYTE $0x62; BYTE $0xF2; BYTE $0x7E; BYTE $0x50; BYTE $0x52; BYTE $(0x40 | (d)<<3); BYTE $((d)<<4) // vdpbf16ps zmm{d},zmm16,DWORD BCST [rax+64*{d}]
#define VDPBF16PS_BX(d)             BYTE $0x62; BYTE $0x72; BYTE $0x7E; BYTE $0x50; BYTE $0x52; BYTE $(0x43 | (d)<<3); BYTE $((d)<<4) // vdpbf16ps zmm{8+d},zmm16,DWORD BCST [rbx+64*{d}]

#define LDTILECFG_AX                BYTE $0xC4; BYTE $0xE2; BYTE $0x78; BYTE $0x49; BYTE $0x00 // ldtilecfg [rax]
#define TILERELEASE                 BYTE $0xC4; BYTE $0xE2; BYTE $0x78; BYTE $0x49; BYTE $0xC0 // tilerelease
#define TILEZERO(t)                 BYTE $0xC4; BYTE $0xE2; BYTE $0x7B; BYTE $0x49; BYTE $(0xC0 | (t)<<3) // tilezero tmm{t}
#define TILELOADD(t, base, index)   BYTE $0xC4; BYTE $0xE2; BYTE $0x7B; BYTE $0x4B; BYTE $(0x04 | (t)<<3); BYTE $((index)<<3 | (base)) // tileloadd tmm{t},[{base}+{index}*1]
#define TILESTORED(t, base, index)  BYTE $0xC4; BYTE $0xE2; BYTE $0x7A; BYTE $0x4B; BYTE $(0x04 | (t)<<3); BYTE $((index)<<3 | (base)) // tilestored [{base}+{index}*1],tmm{t}
#define TDPBF16PS(m, n, d)          BYTE $0xC4; BYTE $0xE2; BYTE $(0x7A ^ (m)<<3); BYTE $0x5C; BYTE $(0xC0 | (d)<<3 | (n)) // tdpbf16ps tmm{d},tmm{n},tmm{m}
#define TILELOADD_AT(t, base, index, d) BYTE $0xC4; BYTE $0xE2; BYTE $0x7B; BYTE $0x4B; BYTE $(0x84 | (t)<<3); BYTE $((index)<<3 | (base)); BYTE $0x00; BYTE $(d); BYTE $0x00; BYTE $0x00 // tileloadd tmm{t},[{base}+{index}*1+256*{d}]
