package images

import (
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // registers the format
	_ "image/png"  // registers the format
	"io"

	"github.com/nadir-ml/nadir/tensor"
)

// MaxPixels is the most pixels that a picture may have: what a file claims is
// checked before memory is taken.
const MaxPixels = 1 << 26

// Size reads a picture's header: its height, its width and its channels.
func Size(r io.Reader) (tensor.Shape, error) {
	c, _, err := image.DecodeConfig(r)
	if err != nil {
		return nil, unreadable(err)
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > MaxPixels/c.Height {
		return nil, fmt.Errorf("a picture of %d×%d pixels: want 1 to %d", c.Width, c.Height, MaxPixels)
	}
	channels := 3
	if gray(c.ColorModel) {
		channels = 1
	}
	return tensor.Shape{c.Height, c.Width, channels}, nil
}

// Decode reads a picture in its own size and channels. It reads r twice.
func Decode(r io.ReadSeeker) (*tensor.Tensor, error) {
	shape, err := Size(r)
	if err != nil {
		return nil, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	m, _, err := image.Decode(r)
	if err != nil {
		return nil, unreadable(err)
	}
	if b := m.Bounds(); b.Dy() != shape[0] || b.Dx() != shape[1] {
		return nil, fmt.Errorf("a picture of %d×%d pixels whose header says %d×%d", b.Dx(), b.Dy(), shape[1], shape[0])
	}
	t, err := tensor.TryNew(tensor.Uint8, shape...)
	if err != nil {
		return nil, err
	}
	fill(t.Uint8s(), m, shape[2])
	return t, nil
}

func unreadable(err error) error {
	if err == image.ErrFormat {
		return fmt.Errorf("no PNG or JPEG picture")
	}
	return fmt.Errorf("a damaged or truncated picture: %w", err)
}

// gray reports whether all colors of a model are shades of gray.
func gray(m color.Model) bool {
	if m == color.GrayModel || m == color.Gray16Model {
		return true
	}
	p, ok := m.(color.Palette)
	for _, c := range p {
		r, g, b, _ := c.RGBA()
		ok = ok && r == g && g == b
	}
	return ok && len(p) > 0
}

func fill(dst []uint8, m image.Image, channels int) {
	b := m.Bounds()
	w := b.Dx() * channels
	for y := b.Min.Y; y < b.Max.Y; y++ {
		row := dst[:w]
		dst = dst[w:]
		switch m := m.(type) {
		case *image.Gray:
			if channels == 1 {
				copy(row, m.Pix[m.PixOffset(b.Min.X, y):])
				continue
			}
		case *image.NRGBA:
			if channels == 3 {
				opaque(row, m.Pix[m.PixOffset(b.Min.X, y):])
				continue
			}
		case *image.RGBA: // what a PNG without alpha becomes
			if channels == 3 && m.Opaque() {
				opaque(row, m.Pix[m.PixOffset(b.Min.X, y):])
				continue
			}
		case *image.YCbCr:
			if channels == 3 {
				for x := range b.Dx() {
					c := m.YCbCrAt(b.Min.X+x, y)
					row[3*x], row[3*x+1], row[3*x+2] = color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
				}
				continue
			}
		}
		for x := range b.Dx() {
			c := m.At(b.Min.X+x, y)
			if channels == 1 {
				row[x] = color.GrayModel.Convert(c).(color.Gray).Y
				continue
			}
			n := color.NRGBAModel.Convert(c).(color.NRGBA)
			row[3*x], row[3*x+1], row[3*x+2] = n.R, n.G, n.B
		}
	}
}

// opaque copies the first three of every four bytes.
func opaque(rgb, rgba []uint8) {
	for i, j := 0, 0; i < len(rgb); i, j = i+3, j+4 {
		copy(rgb[i:i+3], rgba[j:])
	}
}
