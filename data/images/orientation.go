package images

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

// Orientation is how a JPEG picture says that it is to be turned before it is looked
// at, 1 to 8 as Exif numbers it: 1 is as it is stored, 3 upside down, 6 a quarter turn
// clockwise, 8 one counterclockwise. It is 1 where nothing is said. Decode does not turn
// pictures, nor does Pillow's Image.open.
func Orientation(r io.Reader) int {
	b := bufio.NewReader(r)
	var head [4]byte
	if _, err := io.ReadFull(b, head[:2]); err != nil || head[0] != 0xff || head[1] != 0xd8 {
		return 1
	}
	for {
		// A marker and the length of what belongs to it, these two bytes with it.
		if _, err := io.ReadFull(b, head[:]); err != nil || head[0] != 0xff || head[1] == 0xda {
			return 1
		}
		n := int(binary.BigEndian.Uint16(head[2:])) - 2
		if n < 0 {
			return 1
		}
		if head[1] != 0xe1 {
			if _, err := b.Discard(n); err != nil {
				return 1
			}
			continue
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(b, text); err != nil {
			return 1
		}
		if rest, ok := bytes.CutPrefix(text, []byte("Exif\x00\x00")); ok {
			return orientation(rest)
		}
	}
}

// orientation looks through the first directory of a TIFF header.
func orientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.BigEndian
	if b[0] == 'I' {
		order = binary.LittleEndian
	}
	at := order.Uint32(b[4:])
	if at > uint32(len(b)) || len(b)-int(at) < 2 {
		return 1
	}
	entries := b[at+2:]
	for range order.Uint16(b[at:]) {
		if len(entries) < 12 {
			return 1
		}
		const tag = 0x0112
		if order.Uint16(entries) == tag {
			if v := int(order.Uint16(entries[8:])); v >= 1 && v <= 8 {
				return v
			}
			return 1
		}
		entries = entries[12:]
	}
	return 1
}
