// Package svgtest checks SVG documents: that they are well-formed XML, that
// every coordinate is a number and that every point lies in the view box.
package svgtest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Check says what is wrong with a document, nil where nothing is.
func Check(doc []byte) error {
	d := xml.NewDecoder(bytes.NewReader(doc))
	var box []float64
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("not well-formed: %w", err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local == "svg" {
			if box, err = numbers(attr(start, "viewBox")); err != nil || len(box) != 4 {
				return fmt.Errorf("view box %q: %v", attr(start, "viewBox"), err)
			}
			continue
		}
		if err := element(start, box); err != nil {
			return fmt.Errorf("<%s> %v: %w", start.Name.Local, start.Attr, err)
		}
	}
	if box == nil {
		return errors.New("no svg element")
	}
	return nil
}

func element(e xml.StartElement, box []float64) error {
	value := map[string]float64{}
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "width", "height", "font-size", "stroke-width":
			v, err := numbers(a.Value)
			if err != nil || len(v) != 1 {
				return fmt.Errorf("%s: %q is no number: %v", a.Name.Local, a.Value, err)
			}
			value[a.Name.Local] = v[0]
		case "points":
			v, err := numbers(a.Value)
			if err != nil || len(v)%2 != 0 {
				return fmt.Errorf("points: %d numbers: %v", len(v), err)
			}
			for i := 0; i < len(v); i += 2 {
				if err := within(box, v[i], v[i+1]); err != nil {
					return err
				}
			}
		}
	}
	for _, p := range [][2]string{{"x", "y"}, {"x1", "y1"}, {"x2", "y2"}, {"cx", "cy"}} {
		if x, ok := value[p[0]]; ok {
			if err := within(box, x, value[p[1]]); err != nil {
				return err
			}
		}
	}
	if w, ok := value["width"]; ok {
		return within(box, value["x"]+w, value["y"]+value["height"])
	}
	return nil
}

func within(box []float64, x, y float64) error {
	const slack = 0.02 // coordinates are rounded to hundredths
	if len(box) != 4 || x < box[0]-slack || y < box[1]-slack || x > box[0]+box[2]+slack || y > box[1]+box[3]+slack {
		return fmt.Errorf("(%g, %g) lies outside the view box %v", x, y, box)
	}
	return nil
}

func numbers(text string) ([]float64, error) {
	var out []float64
	for _, f := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%q is not finite", f)
		}
		out = append(out, v)
	}
	return out, nil
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
