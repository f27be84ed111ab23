// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package market

import "fmt"

// Company is one row of the symbol table.
type Company struct {
	Symbol string
	Name   string
	Sector string
}

// traded are the symbols the generator uses, in order.
var traded = []Company{
	{"AAPL", "Apple", "Technology"},
	{"MSFT", "Microsoft", "Technology"},
	{"INTC", "Intel", "Technology"},
	{"IBM", "IBM", "Technology"},
	{"CSCO", "Cisco", "Technology"},
	{"ADBE", "Adobe", "Technology"},
	{"AMZN", "Amazon", "Retail"},
	{"WMT", "Walmart", "Retail"},
	{"COST", "Costco", "Retail"},
	{"HD", "Home Depot", "Retail"},
	{"JPM", "JPMorgan Chase", "Finance"},
	{"BAC", "Bank of America", "Finance"},
	{"GS", "Goldman Sachs", "Finance"},
	{"MS", "Morgan Stanley", "Finance"},
	{"JNJ", "Johnson & Johnson", "Health"},
	{"PFE", "Pfizer", "Health"},
	{"MRK", "Merck", "Health"},
	{"XOM", "Exxon Mobil", "Energy"},
	{"CVX", "Chevron", "Energy"},
	{"GE", "General Electric", "Industry"},
	{"CAT", "Caterpillar", "Industry"},
	{"BA", "Boeing", "Industry"},
	{"KO", "Coca-Cola", "Food"},
	{"PEP", "PepsiCo", "Food"},
}

// known are symbols of replayed files that the table has, too.
var known = []Company{
	{"ORCL", "Oracle", "Technology"},
	{"YHOO", "Yahoo", "Technology"},
	{"NVDA", "NVIDIA", "Technology"},
}

// DefaultSymbols is how many symbols are traded unless told otherwise.
const DefaultSymbols = 24

// Traded returns n companies for the generator: the demo's own first, made-up
// ones after that.
func Traded(n int) []Company {
	out := make([]Company, 0, n)
	for i := range n {
		if i < len(traded) {
			out = append(out, traded[i])
			continue
		}
		out = append(out, Company{
			Symbol: fmt.Sprintf("S%05d", i+1),
			Name:   fmt.Sprintf("Company %d", i+1),
			Sector: traded[i%len(traded)].Sector,
		})
	}
	return out
}

// Table returns the rows of the symbol table that covers Traded(n). It never
// has fewer than the demo's own symbols, so nodes with default flags agree.
func Table(n int) []Company { return append(Traded(max(n, len(traded))), known...) }
