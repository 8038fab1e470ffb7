package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"path/filepath"
	"strconv"
)

// digest hashes what a config means. It holds no absolute path of this machine
// unless the config names one, and goes through fields in a fixed order.
func digest(cfg *Config) string {
	h := sha256.New()
	p := cfg.Provider
	write(h, "backend", cfg.Backend.Type, cfg.Backend.Shown)
	write(h, "provider", p.Kind, p.BaseURL, p.SettleTime, p.PollInterval, p.Cooldown, p.Rate)
	if p.Emulator != nil {
		e := *p.Emulator
		e.DataDir = ""
		if rel, err := filepath.Rel(cfg.Dir, e.History); err == nil && e.History != "" {
			e.History = filepath.ToSlash(rel)
		}
		write(h, "emulator", e)
	}
	for i := range cfg.Blocks {
		b := &cfg.Blocks[i]
		write(h, "batch", b.Name, b.First, b.Last, b.Exclude, b.Model, b.Source, b.OutputDir,
			b.OnChange, b.Unclaimed, b.MaxAttempts, b.AllowMissing, b.RulesDigest, b.Repair,
			b.Price, b.MaxCost)
		if b.OnComplete != nil {
			write(h, "on_complete", b.OnComplete)
		}
		for n := b.First; n <= b.Last; n++ {
			h.Write(strconv.AppendQuote(nil, b.DisplayName(n)))
		}
	}
	for i := range cfg.Imports {
		write(h, "import", cfg.Imports[i].To.String(), cfg.Imports[i].ID)
	}
	for i := range cfg.Datasets {
		write(h, "dataset", cfg.Datasets[i].Digest)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write adds values as one JSON array, which leaves no doubt where each ends.
func write(h hash.Hash, values ...any) {
	// The values are strings, numbers, and structs, maps and lists of them.
	line, err := json.Marshal(values)
	if err != nil {
		panic("encode config for its digest: " + err.Error())
	}
	h.Write(line)
}
