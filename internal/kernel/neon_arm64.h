// The instructions on four float32 that Go's assembler has no names for, each as
// what it encodes to: operands are numbers of vector registers, in the order of
// Go's assembler, the destination d last. The comment is what a disassembler says
// of it; TestNeonEncodings holds one to the other.

#define FADD(m, n, d)    WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d)) // fadd Vd.4s, Vn.4s, Vm.4s
#define FSUB(m, n, d)    WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d)) // fsub Vd.4s, Vn.4s, Vm.4s
#define FMUL(m, n, d)    WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d)) // fmul Vd.4s, Vn.4s, Vm.4s
#define FDIV(m, n, d)    WORD $(0x6E20FC00 | (m)<<16 | (n)<<5 | (d)) // fdiv Vd.4s, Vn.4s, Vm.4s
#define FMAX(m, n, d)    WORD $(0x4E20F400 | (m)<<16 | (n)<<5 | (d)) // fmax Vd.4s, Vn.4s, Vm.4s
#define FMIN(m, n, d)    WORD $(0x4EA0F400 | (m)<<16 | (n)<<5 | (d)) // fmin Vd.4s, Vn.4s, Vm.4s
#define FCMEQ(m, n, d)   WORD $(0x4E20E400 | (m)<<16 | (n)<<5 | (d)) // fcmeq Vd.4s, Vn.4s, Vm.4s
#define FCMGE(m, n, d)   WORD $(0x6E20E400 | (m)<<16 | (n)<<5 | (d)) // fcmge Vd.4s, Vn.4s, Vm.4s
#define FCMGT(m, n, d)   WORD $(0x6EA0E400 | (m)<<16 | (n)<<5 | (d)) // fcmgt Vd.4s, Vn.4s, Vm.4s
#define SMAX(m, n, d)    WORD $(0x4EA06400 | (m)<<16 | (n)<<5 | (d)) // smax Vd.4s, Vn.4s, Vm.4s
#define BICV(m, n, d)    WORD $(0x4E601C00 | (m)<<16 | (n)<<5 | (d)) // bic Vd.16b, Vn.16b, Vm.16b
#define ORNV(m, n, d)    WORD $(0x4EE01C00 | (m)<<16 | (n)<<5 | (d)) // orn Vd.16b, Vn.16b, Vm.16b
#define FABS(n, d)       WORD $(0x4EA0F800 | (n)<<5 | (d)) // fabs Vd.4s, Vn.4s
#define FNEG(n, d)       WORD $(0x6EA0F800 | (n)<<5 | (d)) // fneg Vd.4s, Vn.4s
#define FSQRT(n, d)      WORD $(0x6EA1F800 | (n)<<5 | (d)) // fsqrt Vd.4s, Vn.4s
#define FRINTM(n, d)     WORD $(0x4E219800 | (n)<<5 | (d)) // frintm Vd.4s, Vn.4s
#define SCVTF(n, d)      WORD $(0x4E21D800 | (n)<<5 | (d)) // scvtf Vd.4s, Vn.4s
#define FCMEQ0(n, d)     WORD $(0x4EA0D800 | (n)<<5 | (d)) // fcmeq Vd.4s, Vn.4s, #0.0
#define FMAXV(n, d)      WORD $(0x6E30F800 | (n)<<5 | (d)) // fmaxv sd, Vn.4s
#define FADDP(m, n, d)   WORD $(0x6E20D400 | (m)<<16 | (n)<<5 | (d)) // faddp Vd.4s, Vn.4s, Vm.4s
#define SSHR1(n, d)      WORD $(0x4F3F0400 | (n)<<5 | (d)) // sshr Vd.4s, Vn.4s, #1
#define SSHR23(n, d)     WORD $(0x4F290400 | (n)<<5 | (d)) // sshr Vd.4s, Vn.4s, #23
#define SSHR31(n, d)     WORD $(0x4F210400 | (n)<<5 | (d)) // sshr Vd.4s, Vn.4s, #31

// By element: d += n · the lane of m.
#define FMLA0(m, n, d)   WORD $(0x4F801000 | (m)<<16 | (n)<<5 | (d)) // fmla Vd.4s, Vn.4s, Vm.s[0]
#define FMLA1(m, n, d)   WORD $(0x4FA01000 | (m)<<16 | (n)<<5 | (d)) // fmla Vd.4s, Vn.4s, Vm.s[1]
#define FMLA2(m, n, d)   WORD $(0x4F801800 | (m)<<16 | (n)<<5 | (d)) // fmla Vd.4s, Vn.4s, Vm.s[2]
#define FMLA3(m, n, d)   WORD $(0x4FA01800 | (m)<<16 | (n)<<5 | (d)) // fmla Vd.4s, Vn.4s, Vm.s[3]

// CONSTANT fills register v with the next number of the table at R5.
#define CONSTANT(v) VLD1R.P 4(R5), [v.S4]

// ONES fills V30 with the number one.
#define ONES FMOVS $1.0, F30; VDUP V30.S[0], V30.S4
