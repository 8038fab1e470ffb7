package budget

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/qaplan/qaplan/planner"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestPricesOfTheDay(t *testing.T) {
	tests := []struct {
		model, day    string
		largest       int64
		input, output string // of a million tokens
	}{
		{"gemini-2.5-flash", "2026-11-23", 0, "0.15", "1.25"},
		{"models/gemini-2.5-flash", "2026-11-23", 0, "0.15", "1.25"},
		{"gemini-2.5-flash-lite", "2026-11-23", 0, "0.05", "0.20"},
		{"gemini-2.5-pro", "2026-11-23", 200_000, "0.63", "5.00"},
		{"gemini-2.5-pro", "2026-11-23", 200_001, "1.25", "7.50"},
		{"gemini-3.8-flash", "2026-12-31", 0, "0.38", "1.88"},
		{"gemini-3.8-flash", "2027-01-01", 0, "0.75", "3.75"},
		{"gemini-3.7-flash", "2026-11-23", 0, "0.38", "1.88"},
		{"gemini-4-argon", "2026-11-30", 0, "1.00", "5.00"},
		{"gemini-4-argon", "2026-12-01", 0, "2.00", "10.00"},
	}
	for _, tt := range tests {
		r, ok := Lookup(Prices(), tt.model, day(tt.day))
		if !ok {
			t.Errorf("%s on %s: no price", tt.model, tt.day)
			continue
		}
		in, out := r.Cost(planner.Tokens{Input: 1e6}, tt.largest), r.Cost(planner.Tokens{Output: 1e6}, tt.largest)
		if in.String() != tt.input || out.String() != tt.output {
			t.Errorf("%s on %s, requests up to %d: %s and %s, want %s and %s", tt.model, tt.day, tt.largest, in, out, tt.input, tt.output)
		}
	}
	for _, model := range []string{"", "gemini-2.5", "gemini-2.5-flash-001", "gemini-3.6-flash", "GEMINI-2.5-FLASH", "gemini-2.5-flash "} {
		if r, ok := Lookup(Prices(), model, day("2026-11-23")); ok {
			t.Errorf("%q has a price: %+v", model, r)
		}
	}
}

// Every row says where it stands and from when to when it is valid, and no two
// are valid for the same.
func TestTableOfPrices(t *testing.T) {
	table := Prices()
	for i, p := range table {
		if p.Input <= 0 || p.Output <= p.Input || p.Cached <= 0 || p.Cached > p.Input || p.Source == "" || day(p.Checked).IsZero() {
			t.Errorf("row %d is not complete: %+v", i, p)
		}
		if p.From != "" && p.Until != "" && p.From > p.Until {
			t.Errorf("row %d is never valid: %+v", i, p)
		}
		for _, o := range table[:i] {
			overlap := (p.From == "" || o.Until == "" || p.From <= o.Until) && (o.From == "" || p.Until == "" || o.From <= p.Until)
			if p.Model == o.Model && p.UpTo == o.UpTo && overlap {
				t.Errorf("two prices for one thing: %+v and %+v", o, p)
			}
			if p.Model == o.Model && p.From != "" && o.Until != "" && !day(o.Until).AddDate(0, 0, 1).Equal(day(p.From)) {
				t.Errorf("days without a price between %+v and %+v", o, p)
			}
			if p.Model == o.Model && overlap && p.UpTo != 0 {
				t.Errorf("larger requests stand before smaller ones: %+v, %+v", o, p)
			}
		}
	}
}

func TestCost(t *testing.T) {
	flash, _ := Lookup(Prices(), "gemini-2.5-flash", day("2026-11-23"))
	pro, _ := Lookup(Prices(), "gemini-2.5-pro", day("2026-11-23"))
	override := Flat(FromDollars(0.15), FromDollars(1.25))
	tests := []struct {
		name    string
		rates   Rates
		tokens  planner.Tokens
		largest int64
		want    string
	}{
		{"nothing", flash, planner.Tokens{}, 0, "0.00"},
		{"thoughts are output", flash, planner.Tokens{Input: 40_000_000, Output: 6_000_000, Thoughts: 10_000_000}, 3000, "26.00"},
		{"cached, of a flash model", flash, planner.Tokens{Input: 10_000_000, Cached: 9_000_000}, 0, "0.42"},
		{"cached without a price of its own", override, planner.Tokens{Input: 1_000_000, Cached: 900_000}, 0, "0.15"},
		{"cached at its price", pro, planner.Tokens{Input: 10_000_000, Cached: 8_000_000}, 1000, "2.25"},
		{"more cached than input", pro, planner.Tokens{Input: 8_000_000, Cached: 80_000_000}, 1000, "1.00"},
		{"some large requests", pro, planner.Tokens{Input: 10_000_000, Output: 2_000_000, Cached: 3_000_000,
			Long: planner.LongTokens{Input: 4_000_000, Output: 500_000, Thoughts: 0, Cached: 1_000_000}}, 1000, "18.00"},
		{"large requests that cost no more", flash, planner.Tokens{Input: 10_000_000, Long: planner.LongTokens{Input: 10_000_000}}, 1000, "1.50"},
		{"large requests", pro, planner.Tokens{Input: 10_000_000, Output: 2_000_000}, 300_000, "27.50"},
		{"the config's", override, planner.Tokens{Input: 123_456_789, Output: 12_345_678}, 0, "33.95"},
		{"negative counts", flash, planner.Tokens{Input: -5, Output: -5, Thoughts: -5, Cached: -5}, 0, "0.00"},
		{"without rates", Rates{}, planner.Tokens{Input: 1e9}, 0, "0.00"},
	}
	for _, tt := range tests {
		if got := tt.rates.Cost(tt.tokens, tt.largest).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	all := planner.Tokens{Input: math.MaxInt64, Output: math.MaxInt64, Thoughts: math.MaxInt64, Cached: math.MaxInt64}
	if got := pro.Cost(all, 0); got <= 0 {
		t.Errorf("more than there is money: %d", got)
	}
}

// The sum over a thousand batches is exact to the cent, and each is to a
// billionth of a dollar.
func TestCostIsExact(t *testing.T) {
	const seed = 1
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var sum USD
	exact := new(big.Rat)
	for range 1000 {
		tokens, price := rng.Int64N(5_000_000_000), USD(rng.Int64N(20e9))
		sum += cost(tokens, price)
		exact.Add(exact, big.NewRat(tokens, 1_000_000).Mul(big.NewRat(tokens, 1_000_000), big.NewRat(int64(price), int64(Dollar))))
	}
	difference := new(big.Rat).Sub(exact, big.NewRat(int64(sum), int64(Dollar)))
	if f, _ := difference.Float64(); math.Abs(f) > 1e-6 {
		t.Errorf("the sum is off by %v dollars", f)
	}
}

func TestUSD(t *testing.T) {
	for _, tt := range []struct {
		dollars float64
		want    string
	}{
		{0, "0.00"}, {0.004999999, "0.00"}, {0.005, "0.01"}, {25, "25.00"}, {1234.565, "1234.57"},
		{-0.001, "0.00"}, {-12.345, "-12.35"}, {math.NaN(), "0.00"}, {math.Inf(1), "1152921504.61"},
	} {
		if got := FromDollars(tt.dollars).String(); got != tt.want {
			t.Errorf("%v dollars: %s, want %s", tt.dollars, got, tt.want)
		}
	}
	if got := FromDollars(0.15).Dollars(); got != 0.15 {
		t.Errorf("there and back: %v", got)
	}
}

func TestLimitWords(t *testing.T) {
	for _, tt := range []struct {
		spent, limit float64
		want         string
	}{
		{24.104, 25, "24.10 of 25.00"}, {0.0421, 0.1, "0.04 of 0.10"}, {0, 0.005, "0.00 of 0.005"}, {0.0042149, 0.005, "0.00421 of 0.005"},
		{0.0999, 0.0125, "0.0999 of 0.0125"}, {1.5, 1.2345, "1.50 of 1.2345"}, {0.000000004, 0.00000001, "0.000000004 of 0.00000001"}, {3, 0, "3.00 of 0.00"},
	} {
		limit := FromDollars(tt.limit)
		if got := FromDollars(tt.spent).Beside(limit) + " of " + limit.Exact(); got != tt.want {
			t.Errorf("%v of %v: got %s, want %s", tt.spent, tt.limit, got, tt.want)
		}
	}
	if got := FromDollars(-0.125).Exact(); got != "-0.125" {
		t.Errorf("got %s", got)
	}
}
