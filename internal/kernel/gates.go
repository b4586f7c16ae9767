package kernel

// gateBlock is how many units the gates of recurrent layers take at a time.
const gateBlock = 256

// LSTM makes of a row z, four gates before their functions in the order i, f, c, o, and
// of the cell cp before it the gates, in place, the cell and the state:
//
//	c = σ(z_f)·cp + σ(z_i)·tanh(z_c)    h = σ(z_o)·tanh(c)
func LSTM[T Float](h, c, z, cp []T) {
	u := len(h)
	c, cp = c[:u], cp[:u]
	i, f, g, o := z[:u], z[u:2*u], z[2*u:3*u], z[3*u:4*u]
	Sigmoid(z[:2*u], z[:2*u])
	Tanh(g, g)
	Sigmoid(o, o)
	Mul(c, i, g)
	MulAdd(c, f, cp, c)
	Tanh(h, c)
	Mul(h, h, o)
}

// LSTMGradient makes of the gates z of a row, its cell c and the one before it cp, the
// gradients dh of the state and dc of the cell those of the gates before their functions,
// dz, and makes dc that of the cell before.
func LSTMGradient[T Float](dz, dc, z, c, cp, dh []T) {
	var buf [2][gateBlock]T
	u := len(c)
	dc, cp, dh, z, dz = dc[:u], cp[:u], dh[:u], z[:4*u], dz[:4*u]
	for at := 0; at < u; at += gateBlock {
		end := min(u, at+gateBlock)
		gate := func(x []T, k int) []T { return x[k*u+at : k*u+end] }
		i, f, g, o := gate(z, 0), gate(z, 1), gate(z, 2), gate(z, 3)
		di, df, dg, do := gate(dz, 0), gate(dz, 1), gate(dz, 2), gate(dz, 3)
		tanh, s := buf[0][:end-at], buf[1][:end-at]
		dc, cp, dh := dc[at:end], cp[at:end], dh[at:end]
		Tanh(tanh, c[at:end])
		Mul(do, dh, tanh)
		sigmoidGradient(do, do, o, s)
		Mul(s, dh, o)
		tanhGradient(s, s, tanh)
		Add(dc, dc, s)
		Mul(di, dc, g)
		sigmoidGradient(di, di, i, s)
		Mul(df, dc, cp)
		sigmoidGradient(df, df, f, s)
		Mul(dg, dc, i)
		tanhGradient(dg, dg, g)
		Mul(dc, dc, f)
	}
}

// GRU makes of a row z, whose first three parts are p = h·r + bias in the order z, r, h,
// of x in the same order and of the state hp before it the state, and of z the gates z
// and r, p_h as it was, and ĥ behind it:
//
//	z = σ(x_z + p_z)    r = σ(x_r + p_r)    ĥ = tanh(x_h + r·p_h)    h = z·hp + (1 − z)·ĥ
func GRU[T Float](h, z, x, hp []T) {
	u := len(h)
	Add(z[:2*u], z[:2*u], x[:2*u])
	Sigmoid(z[:2*u], z[:2*u])
	gate, candidate := z[:u], z[3*u:4*u]
	MulAdd(candidate, z[u:2*u], z[2*u:3*u], x[2*u:3*u])
	Tanh(candidate, candidate)
	Sub(h, hp[:u], candidate)
	MulAdd(h, gate, h, candidate)
}

// GRUGradient makes of the gates z of a row as [GRU] leaves them, of the state hp before
// it and of the gradient dh of the state those of x and p, and makes dh what goes to hp
// directly.
func GRUGradient[T Float](dx, dp, dh, z, hp []T) {
	var buf [gateBlock]T
	u := len(dh)
	hp, z, dx, dp = hp[:u], z[:4*u], dx[:3*u], dp[:3*u]
	for at := 0; at < u; at += gateBlock {
		end := min(u, at+gateBlock)
		part := func(x []T, k int) []T { return x[k*u+at : k*u+end] }
		gate, reset, p, candidate := part(z, 0), part(z, 1), part(z, 2), part(z, 3)
		dz, dr, dc := part(dx, 0), part(dx, 1), part(dx, 2)
		s, dh := buf[:end-at], dh[at:end]
		RSubS(s, gate, 1)
		Mul(dc, dh, s)
		tanhGradient(dc, dc, candidate)
		SubMul(dz, hp[at:end], candidate, dh)
		sigmoidGradient(dz, dz, gate, s)
		Mul(dr, dc, p)
		sigmoidGradient(dr, dr, reset, s)
		Mul(part(dp, 2), dc, reset)
		copy(part(dp, 0), dz)
		copy(part(dp, 1), dr)
		Mul(dh, dh, gate)
	}
}

// sigmoidGradient sets dst[i] = dy[i]·(y[i] − y[i]²): the gradient of what [Sigmoid] made
// y of. s is room for as many.
func sigmoidGradient[T Float](dst, dy, y, s []T) {
	Mul(s, y, y)
	SubMul(dst, y, s, dy)
}

// tanhGradient sets dst[i] = dy[i] − (dy[i]·y[i])·y[i]: the gradient of what [Tanh] made y
// of.
func tanhGradient[T Float](dst, dy, y []T) {
	for len(y) > 0 {
		var buf [gateBlock]T
		n := min(len(y), gateBlock)
		Mul(buf[:n], dy[:n], y[:n])
		SubProduct(dst[:n], dy[:n], buf[:n], y[:n])
		dst, dy, y = dst[n:], dy[n:], y[n:]
	}
}
