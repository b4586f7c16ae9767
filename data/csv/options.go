package csv

// Options say what the columns of a file are for. A column is named, or
// counted from 0 and from −1 backwards; a name comes before a number. The zero
// Options take the last column for the label and find out the rest.
type Options struct {
	Label     string   // the column of the target; "": the last that is not ignored and holds no weights
	Ignore    []string // columns not to read
	Weight    string   // the column of the rows' weights in the loss; "": none
	Task      Task
	Header    Header
	Delimiter rune // between cells; 0: comma, semicolon or tab, whichever the first line holds most of

	// Table, where it is not nil, is how the rows are encoded, as those that it
	// was made from were; Label, Ignore, Weight and Task are then not used. A
	// file without the table's label column yields rows without a target.
	Table *Table
}

// A Task is what the label column is to be.
type Task uint8

// The tasks. Detect takes texts for classes, and also whole numbers where at
// most 20 are different and each comes twice on average; all else is
// regression.
const (
	Detect Task = iota
	Classification
	Regression
)

// A Header says whether the first row names the columns.
type Header uint8

// The forms of a header. Guess takes the first row for one where it has a text
// in a column that holds numbers below; or where no column holds numbers and
// its cells are all different and none comes again below it. With a Table whose
// columns have names, a header is a row that holds one of them.
const (
	Guess Header = iota
	Present
	Absent
)
