package pickle

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"unicode/utf8"
	"unsafe"
)

// A Decoder reads pickles that follow one another in a stream.
type Decoder struct {
	// Find says whether a pickle may name a global, and what calling it makes: a nil
	// Constructor allows to name it only. A nil Find allows nothing.
	Find func(module, name string) (Constructor, bool)
	// Persistent makes the value of an identifier of something that lies outside the
	// pickle. Where it is nil, such identifiers are refused.
	Persistent func(id any) (any, error)
	// Extra is memory, in bytes, that values may take beyond 32 MiB and the input's size:
	// for a pickle that describes much more than itself.
	Extra int64

	r      *bufio.Reader
	at     int64 // bytes consumed
	size   int64
	op     int64 // where the current opcode begins
	budget int64 // bytes of memory that may still be taken

	stack []any
	high  int   // the longest that stack has been
	marks []int // lengths of stack at each MARK
	memo  map[uint64]any
}

// freeMemory is what a pickle's values may take beyond the size of the input.
const freeMemory = 32 << 20

// What values cost of the budget, in bytes: estimates from above for what the
// runtime allocates, the garbage of growing slices and maps included.
const (
	slotCost  = 48 // a place on the stack or in a list
	entryCost = 96 // a dict's entry; a memo's
	boxCost   = 16 // a number, or a string's header
	nodeCost  = 96 // a container or an object, empty
)

// NewDecoder makes a decoder of at most size bytes of r. It may read more of r than it
// decodes: see Offset.
func NewDecoder(r io.Reader, size int64) *Decoder {
	size = max(0, size)
	budget := freeMemory + min(size, math.MaxInt64-freeMemory)
	return &Decoder{r: bufio.NewReaderSize(io.LimitReader(r, size), 16<<10), size: size, budget: budget}
}

// Offset is the number of bytes that the pickles read so far have.
func (d *Decoder) Offset() int64 { return d.at }

// Decode reads the next pickle. What is wrong with it is an [*Error]; a failure to read
// is the reader's error. After an error the decoder is of no more use.
func (d *Decoder) Decode() (any, error) {
	d.stack, d.marks, d.memo, d.high = nil, nil, map[uint64]any{}, 0
	for {
		d.op = d.at
		op, err := d.byte()
		if err != nil {
			return nil, err
		}
		if op == '.' {
			return d.pop()
		}
		if err := d.step(op); err != nil {
			return nil, err
		}
	}
}

// step performs one opcode.
func (d *Decoder) step(op byte) error {
	switch op {
	case 'N':
		return d.push(nil)
	case 0x88:
		return d.push(true)
	case 0x89:
		return d.push(false)
	case 'J', 'K', 'M', 0x8a, 0x8b, 'I', 'L':
		return d.integer(op)
	case 'G':
		n, err := d.uint(8, binary.BigEndian)
		if err != nil {
			return err
		}
		return d.pushCost(math.Float64frombits(n), boxCost)
	case 'F':
		return d.floatText()
	case 'X', 0x8c, 0x8d, 'B', 'C', 0x8e, 0x96, 'T', 'U', 'S', 'V':
		return d.text(op)
	case ')', 't', 0x85, 0x86, 0x87, ']', 'l', 'a', 'e', '}', 'd', 's', 'u', 0x8f, 0x90, 0x91:
		return d.container(op)
	case '(':
		d.marks = append(d.marks, len(d.stack))
		return d.charge(slotCost)
	case '0':
		if n := len(d.marks); n > 0 && d.marks[n-1] == len(d.stack) {
			d.marks = d.marks[:n-1]
			return nil
		}
		_, err := d.pop()
		return err
	case '1':
		_, err := d.popMark()
		return err
	case '2':
		v, err := d.top()
		if err != nil {
			return err
		}
		return d.push(v)
	case 'p', 'q', 'r', 0x94, 'g', 'h', 'j':
		return d.memorize(op)
	case 'c', 0x93, 'R', 'i', 'o', 0x81, 0x92, 'b', 'P', 'Q':
		return d.object(op)
	case 0x80:
		v, err := d.byte()
		if err == nil && v > 5 {
			err = d.errorf("protocol %d is newer than 5, the newest that is known", v)
		}
		return err
	case 0x95:
		n, err := d.uint(8, binary.LittleEndian)
		if err == nil && n > uint64(d.size-d.at) {
			err = d.errorf("a frame of %d bytes, but only %d follow; the pickle is truncated", n, d.size-d.at)
		}
		return err
	case 0x82, 0x83, 0x84:
		return d.errorf("it refers to Python's extension registry, whose contents it does not hold")
	case 0x97, 0x98:
		return d.errorf("it refers to a buffer outside the pickle; save it without a buffer_callback")
	}
	return d.errorf("no opcode is %#02x; this is no pickle, or a damaged one", op)
}

// integer reads an int, and the bools that protocol 0 writes as ints.
func (d *Decoder) integer(op byte) error {
	switch op {
	case 'J':
		n, err := d.uint(4, binary.LittleEndian)
		if err != nil {
			return err
		}
		return d.pushCost(int64(int32(n)), boxCost)
	case 'K', 'M':
		n, err := d.uint(1+int(op-'K')/2, binary.LittleEndian)
		if err != nil {
			return err
		}
		return d.pushCost(int64(n), boxCost)
	case 'I', 'L':
		return d.integerText(op)
	}
	width := 1
	if op == 0x8b {
		width = 4
	}
	n, err := d.uint(width, binary.LittleEndian)
	if err != nil {
		return err
	}
	if n > maxInteger {
		return d.errorf("an int of %d bytes; at most %d are read", n, maxInteger)
	}
	b, err := d.bytes(n)
	if err != nil {
		return err
	}
	return d.pushInteger(twosComplement(b))
}

// maxInteger bounds an int's bytes, and maxLine its digits: the longest that are of
// use are hashes and keys.
const (
	maxInteger = 1024
	maxLine    = 4096
)

func (d *Decoder) pushInteger(n *big.Int) error {
	if n.IsInt64() {
		return d.pushCost(n.Int64(), boxCost)
	}
	return d.pushCost(n, nodeCost+int64(n.BitLen()/8))
}

// twosComplement is the number that little-endian bytes stand for.
func twosComplement(le []byte) *big.Int {
	be := make([]byte, len(le))
	for i, b := range le {
		be[len(le)-1-i] = b
	}
	n := new(big.Int).SetBytes(be)
	if len(be) > 0 && be[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(be))))
	}
	return n
}

// text reads a str or bytes.
func (d *Decoder) text(op byte) error {
	var width int
	switch op {
	case 'S', 'V':
		return d.line(op)
	case 0x8c, 'C', 'U':
		width = 1
	case 'X', 'B', 'T':
		width = 4
	case 0x8d, 0x8e, 0x96:
		width = 8
	}
	n, err := d.uint(width, binary.LittleEndian)
	if err != nil {
		return err
	}
	b, err := d.bytes(n)
	if err != nil {
		return err
	}
	s := unsafe.String(unsafe.SliceData(b), len(b))
	switch op {
	case 'X', 0x8c, 0x8d:
		if !utf8.ValidString(s) {
			return d.errorf("a str is not valid UTF-8")
		}
		return d.pushCost(s, boxCost)
	case 'T', 'U': // Python 2's str: characters or bytes, which only the reader can tell
		return d.pushCost(s, boxCost)
	}
	return d.pushCost(Bytes(s), boxCost)
}

// container makes tuples, lists, dicts and sets, and fills them.
func (d *Decoder) container(op byte) error {
	switch op {
	case ')':
		return d.pushCost(Tuple{}, nodeCost)
	case ']':
		return d.pushCost(&List{}, nodeCost)
	case '}':
		return d.pushCost(&Dict{}, nodeCost)
	case 0x8f:
		return d.pushCost(&Set{}, nodeCost)
	case 0x85, 0x86, 0x87:
		n := int(op-0x85) + 1
		if len(d.stack)-d.floor() < n {
			return d.underflow()
		}
		items := d.stack[len(d.stack)-n:]
		d.stack = d.stack[:len(d.stack)-n]
		return d.pushTuple(items)
	case 'a':
		v, err := d.pop()
		if err != nil {
			return err
		}
		return d.extend([]any{v})
	case 's':
		if len(d.stack)-d.floor() < 3 {
			return d.underflow()
		}
		pair := d.stack[len(d.stack)-2:]
		d.stack = d.stack[:len(d.stack)-2]
		return d.setItems(pair)
	}
	items, err := d.popMark()
	if err != nil {
		return err
	}
	switch op {
	case 't':
		return d.pushTuple(items)
	case 'l', 0x91:
		if err := d.charge(slotCost * int64(len(items))); err != nil {
			return err
		}
		list := append([]any(nil), items...)
		if op == 'l' {
			return d.pushCost(&List{list}, nodeCost)
		}
		if err := d.keys(items); err != nil {
			return err
		}
		return d.pushCost(&Set{list, true}, nodeCost)
	case 'd':
		// Pushing would overwrite the items, which lie just above the stack.
		items = append([]any(nil), items...)
		if err := d.charge(slotCost * int64(len(items))); err != nil {
			return err
		}
		if err := d.pushCost(&Dict{}, nodeCost); err != nil {
			return err
		}
		return d.setItems(items)
	case 'u':
		return d.setItems(items)
	}
	return d.extend(items) // 'e' and 0x90
}

func (d *Decoder) pushTuple(items []any) error {
	if err := d.charge(slotCost * int64(len(items))); err != nil {
		return err
	}
	return d.pushCost(append(Tuple{}, items...), nodeCost)
}

// extend adds items to the list or set on top of the stack.
func (d *Decoder) extend(items []any) error {
	v, err := d.top()
	if err != nil {
		return err
	}
	if err := d.charge(slotCost * int64(len(items))); err != nil {
		return err
	}
	switch v := v.(type) {
	case *List:
		v.Items = append(v.Items, items...)
		return nil
	case *Set:
		if v.Frozen {
			break
		}
		v.Items = append(v.Items, items...)
		return d.keys(items)
	}
	return d.errorf("nothing can be added to a value of type %s", TypeName(v))
}

// setItems adds entries, keys and values in turn, to the dict on top of the stack.
func (d *Decoder) setItems(items []any) error {
	v, err := d.top()
	if err != nil {
		return err
	}
	dict, ok := v.(*Dict)
	if !ok {
		return d.errorf("no entry can be set in a value of type %s", TypeName(v))
	}
	if len(items)%2 != 0 {
		return d.errorf("a dict's last key lacks a value")
	}
	if err := d.charge(entryCost * int64(len(items)/2)); err != nil {
		return err
	}
	for i := 0; i < len(items); i += 2 {
		if err := d.keys(items[i : i+1]); err != nil {
			return err
		}
		dict.Entries = append(dict.Entries, Entry{items[i], items[i+1]})
	}
	return nil
}

// keys checks that Python would take all items as keys.
func (d *Decoder) keys(items []any) error {
	for _, v := range items {
		if !hashable(v) {
			return d.errorf("a %s cannot be a key of a dict or an item of a set", TypeName(v))
		}
	}
	return nil
}

// memorize puts the top of the stack into the memo, or takes a value out of it.
func (d *Decoder) memorize(op byte) error {
	var i uint64
	var err error
	switch op {
	case 'p', 'g':
		i, err = d.index()
	case 'q', 'h':
		i, err = d.uint(1, binary.LittleEndian)
	case 'r', 'j':
		i, err = d.uint(4, binary.LittleEndian)
	default:
		i = uint64(len(d.memo))
	}
	if err != nil {
		return err
	}
	old, known := d.memo[i]
	switch op {
	case 'g', 'h', 'j':
		if !known {
			return d.errorf("it refers to value %d, which it has not given yet", i)
		}
		return d.push(old)
	}
	v, err := d.top()
	if err != nil {
		return err
	}
	d.memo[i] = v
	if known {
		return nil
	}
	return d.charge(entryCost)
}

// object names globals, calls them, and sets states.
func (d *Decoder) object(op byte) error {
	switch op {
	case 'c', 0x93:
		return d.global(op)
	case 'b':
		return d.build()
	case 'P':
		id, err := d.shortLine()
		if err != nil {
			return err
		}
		if err := d.charge(boxCost + int64(len(id))); err != nil {
			return err
		}
		return d.persistent(string(id))
	case 'Q':
		id, err := d.pop()
		if err != nil {
			return err
		}
		return d.persistent(id)
	case 'i':
		if err := d.global('c'); err != nil {
			return err
		}
		class, _ := d.pop()
		args, err := d.popMark()
		if err != nil {
			return err
		}
		return d.call(class, append(Tuple{}, args...))
	case 'o':
		args, err := d.popMark()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			return d.underflow()
		}
		return d.call(args[0], append(Tuple{}, args[1:]...))
	}
	if op == 0x92 {
		kw, err := d.pop()
		if err != nil {
			return err
		}
		if kwargs, ok := kw.(*Dict); !ok || len(kwargs.Entries) > 0 {
			return d.errorf("it makes an object with keyword arguments, which are not read")
		}
	}
	if len(d.stack)-d.floor() < 2 {
		return d.underflow()
	}
	args, ok := d.stack[len(d.stack)-1].(Tuple)
	if !ok {
		return d.errorf("the arguments of a call are of type %s; want a tuple", TypeName(d.stack[len(d.stack)-1]))
	}
	class := d.stack[len(d.stack)-2]
	d.stack = d.stack[:len(d.stack)-2]
	return d.call(class, args)
}

// global pushes a global, if Find allows it.
func (d *Decoder) global(op byte) error {
	var module, name string
	if op == 'c' {
		m, err := d.shortLine()
		if err != nil {
			return err
		}
		module = string(m)
		n, err := d.shortLine()
		if err != nil {
			return err
		}
		name = string(n)
	} else {
		if len(d.stack)-d.floor() < 2 {
			return d.underflow()
		}
		m, ok := d.stack[len(d.stack)-2].(string)
		n, isText := d.stack[len(d.stack)-1].(string)
		if !ok || !isText || len(m) > maxLine || len(n) > maxLine {
			return d.errorf("the name of a global is no str of at most %d bytes", maxLine)
		}
		d.stack = d.stack[:len(d.stack)-2]
		module, name = m, n
	}
	g := &Global{Module: module, Name: name}
	allowed := false
	if d.Find != nil {
		g.New, allowed = d.Find(module, name)
	}
	if !allowed {
		return d.refuse(g, "it names %s, which is not among what may be read; nothing of it was run", Quote(g.String()))
	}
	return d.pushCost(g, nodeCost+int64(len(module)+len(name)))
}

// call pushes what calling a global makes.
func (d *Decoder) call(callee any, args Tuple) error {
	class, ok := callee.(*Global)
	if !ok {
		return d.errorf("it calls a value of type %s", TypeName(callee))
	}
	if class.New == nil {
		return d.refuse(class, "it calls %s, which may only be named; nothing of it was run", Quote(class.String()))
	}
	cost := int64(2*nodeCost + slotCost*len(args))
	for _, a := range args {
		switch a := a.(type) {
		case string:
			cost += int64(len(a))
		case Bytes:
			cost += int64(len(a))
		case Tuple:
			cost += slotCost * int64(len(a))
		case *List:
			cost += slotCost * int64(len(a.Items))
		case *Set:
			cost += slotCost * int64(len(a.Items))
		case *Dict:
			cost += entryCost * int64(len(a.Entries))
		}
	}
	if err := d.charge(cost); err != nil {
		return err
	}
	v, err := class.New(class, args)
	if err != nil {
		return &Error{Offset: d.op, Global: class.String(), Msg: fmt.Sprintf("%s: %v", Quote(class.String()), err), Err: err}
	}
	return d.push(v)
}

// build sets the state of the value below the top of the stack.
func (d *Decoder) build() error {
	state, err := d.pop()
	if err != nil {
		return err
	}
	v, err := d.top()
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case *Object:
		v.State = state
		return nil
	case *Dict:
		v.State = state
		return nil
	case Builder:
		if err := v.Build(state); err != nil {
			return &Error{Offset: d.op, Msg: err.Error(), Err: err}
		}
		return nil
	}
	return d.errorf("a value of type %s takes no state", TypeName(v))
}

func (d *Decoder) persistent(id any) error {
	if d.Persistent == nil {
		return d.errorf("it refers to something outside the pickle")
	}
	v, err := d.Persistent(id)
	if err != nil {
		return &Error{Offset: d.op, Msg: err.Error(), Err: err}
	}
	return d.pushCost(v, nodeCost)
}

// charge takes n bytes from the budget.
func (d *Decoder) charge(n int64) error {
	if d.budget -= n; d.budget < -max(0, d.Extra) {
		return d.errorf("its values take far more memory than its size; it is made to exhaust memory")
	}
	return nil
}

func (d *Decoder) pushCost(v any, cost int64) error {
	if err := d.charge(cost); err != nil {
		return err
	}
	return d.push(v)
}

func (d *Decoder) push(v any) error {
	if len(d.stack) == d.high {
		if err := d.charge(slotCost); err != nil {
			return err
		}
		d.high++
	}
	d.stack = append(d.stack, v)
	return nil
}

// floor is the length of the stack below which the last MARK protects it.
func (d *Decoder) floor() int {
	if len(d.marks) == 0 {
		return 0
	}
	return d.marks[len(d.marks)-1]
}

func (d *Decoder) top() (any, error) {
	if len(d.stack) <= d.floor() {
		return nil, d.underflow()
	}
	return d.stack[len(d.stack)-1], nil
}

func (d *Decoder) pop() (any, error) {
	v, err := d.top()
	if err == nil {
		d.stack = d.stack[:len(d.stack)-1]
	}
	return v, err
}

// popMark takes off what lies above the last MARK. It is valid until the next push.
func (d *Decoder) popMark() ([]any, error) {
	if len(d.marks) == 0 {
		return nil, d.errorf("it ends a group that was never begun")
	}
	at := d.floor()
	d.marks = d.marks[:len(d.marks)-1]
	items := d.stack[at:]
	d.stack = d.stack[:at]
	return items, nil
}

func (d *Decoder) underflow() error {
	return d.errorf("it takes more values than it has given; this is no pickle, or a damaged one")
}

func (d *Decoder) byte() (byte, error) {
	b, err := d.r.ReadByte()
	if err != nil {
		return 0, d.readError(err)
	}
	d.at++
	return b, nil
}

// uint reads a number of width bytes.
func (d *Decoder) uint(width int, order binary.ByteOrder) (uint64, error) {
	var b [8]byte
	n, err := io.ReadFull(d.r, b[:width])
	d.at += int64(n)
	if err != nil {
		return 0, d.readError(err)
	}
	switch width {
	case 1:
		return uint64(b[0]), nil
	case 2:
		return uint64(order.Uint16(b[:])), nil
	case 4:
		return uint64(order.Uint32(b[:])), nil
	}
	return order.Uint64(b[:]), nil
}

// bytes reads n bytes into memory of their own.
func (d *Decoder) bytes(n uint64) ([]byte, error) {
	if n > uint64(d.size-d.at) || n > math.MaxInt {
		return nil, d.errorf("a value of %d bytes, but only %d follow; the pickle is truncated or damaged", n, d.size-d.at)
	}
	if err := d.charge(int64(n)); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	got, err := io.ReadFull(d.r, b)
	d.at += int64(got)
	if err != nil {
		return nil, d.readError(err)
	}
	return b, nil
}

func (d *Decoder) readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		d.op = d.at
		return d.errorf("the pickle ends early; it is truncated")
	}
	return err
}

func (d *Decoder) errorf(format string, args ...any) error {
	return &Error{Offset: d.op, Msg: fmt.Sprintf(format, args...)}
}

func (d *Decoder) refuse(g *Global, format string, args ...any) error {
	return &Error{Offset: d.op, Global: g.String(), Msg: fmt.Sprintf(format, args...)}
}
