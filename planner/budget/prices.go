package budget

import "github.com/qaplan/qaplan/planner"

// Prices is the built-in table: USD for a million tokens in batches, which is
// half of the standard price. What is inferred or not from the service itself
// says so in its source. Text, image and video input cost the same; audio costs
// more with some models (0.50 with gemini-2.5-flash, 0.15 with
// gemini-2.5-flash-lite), which counts of tokens do not show: a price block in
// the config is the way to budget it.
//
// Cached tokens, those of a prompt that came from a cache, cost in batches what
// they cost elsewhere: the batch guide says so, and one row of the pricing page
// has half of it, so that the higher one is charged. That rate is a tenth of the
// standard price of input, hence a fifth of the batch's (context cache overview,
// docs.cloud.google.com); with gemini-2.0-flash a quarter, hence half.
func Prices() []Price {
	const (
		pricing = "ai.google.dev/gemini-api/docs/pricing"
		half    = "half of the standard price, " + pricing
		argon   = "BerriAI/litellm discussion 46238: batch at half of 2/10, then of 4/20"
		checked = "2026-11-23"
		endYear = "2026-12-31"
		newYear = "2027-01-01"
	)
	// Prices in hundredths of a cent.
	price := func(model string, input, cached, output float64, source string) Price {
		unit := func(n float64) USD { return FromDollars(n / 10_000) }
		return Price{Model: model, Input: unit(input), Cached: unit(cached), Output: unit(output), Source: source, Checked: checked}
	}
	until := func(day string, p Price) Price { p.Until = day; return p }
	from := func(day string, p Price) Price { p.From = day; return p }
	short := func(p Price) Price { p.UpTo = planner.LongPrompt; return p }
	return []Price{
		short(price("gemini-2.5-pro", 6250, 1250, 50_000, pricing)),
		price("gemini-2.5-pro", 12_500, 2500, 75_000, pricing),
		price("gemini-2.5-flash", 1500, 300, 12_500, pricing),
		price("gemini-2.5-flash-lite", 500, 100, 2000, pricing),
		price("gemini-2.0-flash", 500, 250, 2000, pricing),
		until(endYear, price("gemini-3.8-flash", 3750, 750, 18_750, pricing)),
		from(newYear, price("gemini-3.8-flash", 7500, 1500, 37_500, pricing)),
		until(endYear, price("gemini-3.7-flash", 3750, 750, 18_750, pricing)),
		from(newYear, price("gemini-3.7-flash", 7500, 1500, 37_500, pricing)),
		price("gemini-3.5-flash", 7500, 1500, 45_000, half),
		price("gemini-3.5-flash-lite", 1500, 300, 12_500, half),
		price("gemini-3.1-flash-lite", 1250, 250, 7500, "getmaxim.ai model library"),
		until("2026-11-30", price("gemini-4-argon", 10_000, 2000, 50_000, argon)),
		from("2026-12-01", price("gemini-4-argon", 20_000, 4000, 100_000, argon)),
	}
}
