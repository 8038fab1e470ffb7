package budget

// Prices is the built-in table: USD for a million tokens in batches, which is
// half of the standard price. What is inferred or not from the service itself
// says so in its source. Text, image and video input cost the same; audio costs
// more with some models (0.50 with gemini-2.5-flash, 0.15 with
// gemini-2.5-flash-lite), which counts of tokens do not show: a price block in
// the config is the way to budget it.
func Prices() []Price {
	const (
		pricing = "ai.google.dev/gemini-api/docs/pricing"
		argon   = "BerriAI/litellm discussion 46238: batch at half of 2/10, then of 4/20"
		checked = "2026-11-23"
		large   = 200_000 // tokens of input, from which on a request of a pro model costs more
	)
	cents := func(hundredths float64) USD { return FromDollars(hundredths / 100) }
	return []Price{
		{Model: "gemini-2.5-pro", UpTo: large, Input: cents(62.5), Output: cents(500), Cached: cents(12.5), Source: pricing, Checked: checked},
		{Model: "gemini-2.5-pro", Input: cents(125), Output: cents(750), Cached: cents(25), Source: pricing, Checked: checked},
		{Model: "gemini-2.5-flash", Input: cents(15), Output: cents(125), Source: pricing, Checked: checked},
		{Model: "gemini-2.5-flash-lite", Input: cents(5), Output: cents(20), Source: pricing, Checked: checked},
		{Model: "gemini-2.0-flash", Input: cents(5), Output: cents(20), Source: pricing, Checked: checked},
		{Model: "gemini-3.8-flash", Until: "2026-12-31", Input: cents(37.5), Output: cents(187.5), Source: pricing, Checked: checked},
		{Model: "gemini-3.8-flash", From: "2027-01-01", Input: cents(75), Output: cents(375), Source: pricing, Checked: checked},
		{Model: "gemini-3.7-flash", Until: "2026-12-31", Input: cents(37.5), Output: cents(187.5), Source: pricing, Checked: checked},
		{Model: "gemini-3.7-flash", From: "2027-01-01", Input: cents(75), Output: cents(375), Source: pricing, Checked: checked},
		{Model: "gemini-3.5-flash", Input: cents(75), Output: cents(450), Source: "half of the standard price, " + pricing, Checked: checked},
		{Model: "gemini-3.5-flash-lite", Input: cents(15), Output: cents(125), Source: "half of the standard price, " + pricing, Checked: checked},
		{Model: "gemini-3.1-flash-lite", Input: cents(12.5), Output: cents(75), Source: "getmaxim.ai model library", Checked: checked},
		{Model: "gemini-4-argon", Until: "2026-11-30", Input: cents(100), Output: cents(500), Source: argon, Checked: checked},
		{Model: "gemini-4-argon", From: "2026-12-01", Input: cents(200), Output: cents(1000), Source: argon, Checked: checked},
	}
}
