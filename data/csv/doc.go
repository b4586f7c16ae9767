// Package csv reads a table of comma-separated values as a stream of rows for
// training: RFC 4180 with quoted cells, CRLF, a byte order mark, and comma,
// semicolon or tab between cells.
//
// [Open] reads a file through once. It learns what each [Column] is (numbers,
// categories, the label, the rows' weights), which categories and classes
// there are, and where the rows lie; what it learned is a [Table], which is
// saved with a model, so that later rows are encoded alike. A file of at most
// 64 MiB is then kept in memory as one number a cell. A larger one stays on
// disk and a row is read when it is asked for.
//
// A row's input x is Float32 [Table.Width]: the columns in the file's order, a
// number as it is and a category one-hot. Its target y is Int32 [], the number
// of its class, or Float32 [1] in regression.
//
// An empty cell, "?" and "NA" are missing. A missing number becomes the median
// of the training rows, which [Source.Fit] names; a missing category is a
// value of its own where the file that made the table has one, and else zero
// in every place of the one-hot code. The text "nan" or "inf" is an error, and
// so is a category or class that the table does not know.
package csv
