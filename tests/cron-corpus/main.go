// Command cron-corpus prints what the real Go libraries make of schedules and time zone names, for
// tests/offline/cron.rs to compare with. To make the corpus again, in this directory:
//
//	go run . > ../fixtures/cron.txt
//
// Lines, by their first word:
//
//	#     a comment
//	zone  whether Go and Kubernetes take a time zone's name: the name as JSON, then OK or ERR
//	cron  zone, start, schedule as JSON, then ERR where ParseStandard of robfig/cron v3.0.1 refuses
//	      it, or the seconds from each start to the next, four times; the list ends early with
//	      "never", or with "back" where the next start would be earlier than the last (a defect:
//	      whoever asks for the next start after that goes round and round)
//
// The libraries read the time zone database that comes with the Go toolchain and not the host's, so
// the toolchain's version decides its release. Random cases end before mid-2025: that past is the
// same in every release since. Those after 2037, where zones go on by rule, are few.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

func main() {
	useBundledZones()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	p := &printer{out: out}
	fmt.Fprintf(out, "# Made by tests/cron-corpus (robfig/cron v3.0.1, zones of %s). Do not edit.\n", runtime.Version())
	p.names()
	p.grammar()
	p.daylight()
	p.backwards()
	p.random(rand.New(rand.NewSource(20260301)))
}

// useBundledZones points package time to the database of the Go toolchain, which it otherwise only
// falls back to.
func useBundledZones() {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		panic(err)
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip")
	if _, err := os.Stat(path); err != nil {
		panic(err)
	}
	os.Setenv("ZONEINFO", path)
}

type printer struct{ out *bufio.Writer }

// cron prints a case, unless one of its starts lies after latest.
func (p *printer) cron(zone string, start time.Time, schedule string, latest time.Time) bool {
	line := fmt.Sprintf("cron %s %s %s", zone, start.UTC().Format(time.RFC3339Nano), quote(schedule))
	parsed, err := parse(schedule)
	if err != nil {
		fmt.Fprintln(p.out, line, "ERR")
		return true
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	at := start.In(location)
	for range 4 {
		next := parsed.Next(at)
		if next.IsZero() {
			line += " never"
			break
		}
		if next.After(latest) {
			return false
		}
		if !next.After(at) {
			line += " back"
			break
		}
		line += fmt.Sprintf(" %d", next.Unix()-at.Unix())
		at = next
	}
	fmt.Fprintln(p.out, line)
	return true
}

// parse takes a panic of the parser for an error, as Kubernetes does.
func parse(schedule string) (parsed cron.Schedule, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("panic: %v", problem)
		}
	}()
	return cron.ParseStandard(schedule)
}

// backwards prints cases in which the library answers with the past.
func (p *printer) backwards() {
	for _, c := range backwards {
		start, err := time.Parse(time.RFC3339, c.start)
		if err != nil {
			panic(err)
		}
		p.cron(c.zone, start, c.schedule, start.AddDate(1, 0, 0))
	}
}

// names prints what becomes of time zone names in the API server's validateTimeZone.
func (p *printer) names() {
	characters := regexp.MustCompile(`^[A-Za-z\.\-_0-9+]{1,14}$`)
	for _, name := range zoneNames {
		ok := name != "" && !strings.EqualFold(name, "Local")
		for _, part := range strings.Split(name, "/") {
			if part == "." || part == ".." || strings.HasPrefix(part, "-") || !characters.MatchString(part) {
				ok = false
			}
		}
		if ok {
			_, err := time.LoadLocation(name)
			ok = err == nil
		}
		fmt.Fprintf(p.out, "zone %s %s\n", quote(name), map[bool]string{true: "OK", false: "ERR"}[ok])
	}
}

// grammar prints hand-picked schedules that try the parser.
func (p *printer) grammar() {
	start := time.Date(2024, 2, 27, 22, 58, 31, 500_000_000, time.UTC)
	for _, schedule := range grammar {
		p.cron("UTC", start, schedule, farAway)
	}
	// Characters that occur in schedules, in any order: most are refused, some in unexpected ways.
	source := rand.New(rand.NewSource(7))
	for range 500 {
		var fields []string
		for range 5 {
			field := "*"
			if source.Intn(3) > 0 {
				field = ""
				for range 1 + source.Intn(4) {
					field += pick(source, "0", "1", "2", "5", "7", "12", "23", "31", "59", "60", "*", "?", "/", "-", ",", "mon", "JAN", "+", "L")
				}
			}
			fields = append(fields, field)
		}
		p.cron("UTC", start, strings.Join(fields, " "), farAway)
	}
	for range 150 {
		duration := ""
		for range 1 + source.Intn(3) {
			duration += pick(source, "1", "90", "1.5", ".25", "0", "3.", "-2", "+7", "9223372036", "0.0000000001") +
				pick(source, "h", "m", "s", "ms", "us", "µs", "μs", "ns", "d", "")
		}
		p.cron("UTC", start, "@every "+duration, farAway)
	}
}

// daylight prints every sort of schedule around every change of the clocks in some years that have
// something to them.
func (p *printer) daylight() {
	for _, around := range []struct {
		zone string
		year int
	}{
		{"Europe/Berlin", 2024}, {"America/New_York", 2023}, {"Australia/Lord_Howe", 2021},
		{"America/Sao_Paulo", 2018}, {"America/Havana", 2012}, {"Africa/Cairo", 2024},
		{"Asia/Beirut", 2022}, {"Asia/Tehran", 2021}, {"Antarctica/Troll", 2022},
		{"Atlantic/Azores", 2022}, {"America/Santiago", 2022}, {"Asia/Amman", 2021},
		{"Pacific/Chatham", 2016},
	} {
		for _, change := range changes(around.zone, around.year) {
			for _, schedule := range daylight {
				p.cron(around.zone, change.Add(-26*time.Hour), schedule, farAway)
				p.cron(around.zone, change.Add(-7*time.Minute), schedule, farAway)
			}
		}
	}
}

// random prints random schedules, half of them from shortly before a change of the clocks on.
func (p *printer) random(source *rand.Rand) {
	for _, zone := range zones {
		for count := 0; count < 280; {
			start := time.Unix(source.Int63n(latest.Unix()-earliest.Unix())+earliest.Unix(), 0)
			if all := changes(zone, start.UTC().Year()); len(all) > 0 && source.Intn(2) == 0 {
				start = all[source.Intn(len(all))].Add(-time.Duration(source.Intn(4*86400)) * time.Second)
			}
			if zone == "Pacific/Apia" && start.Year() < 2012 {
				continue // The search for a day that the zone left out, 2011-12-30, never ends.
			}
			if p.cron(zone, start, randomSchedule(source), latest) {
				count++
			}
		}
	}
	for _, zone := range zonesByRule {
		for count := 0; count < 60; count++ {
			all := changes(zone, 2038+source.Intn(100))
			start := all[source.Intn(len(all))].Add(-time.Duration(source.Intn(4*86400)) * time.Second)
			p.cron(zone, start, randomSchedule(source), farAway)
		}
	}
}

func randomSchedule(source *rand.Rand) string {
	number := func(least, most int) string { return fmt.Sprint(least + source.Intn(most-least+1)) }
	field := func(least, most int) string {
		from := least + source.Intn(most-least+1)
		switch source.Intn(6) {
		case 0:
			return fmt.Sprintf("*/%d", 1+source.Intn(most))
		case 1:
			return fmt.Sprintf("%d-%s", from, number(from, most))
		case 2:
			return fmt.Sprintf("%d-%s/%d", from, number(from, most), 1+source.Intn(5))
		case 3:
			return number(least, most) + "," + number(least, most)
		default:
			return fmt.Sprint(from)
		}
	}
	some := func(chance int, otherwise string, make func() string) string {
		if source.Intn(100) < chance {
			return make()
		}
		return otherwise
	}
	hour := func() string {
		if source.Intn(3) > 0 {
			return pick(source, "0", "1", "2", "3", "23", "0-3", "1,2", "*/2", "22-23", "0,23")
		}
		return field(0, 23)
	}
	weekday := func() string {
		if source.Intn(4) == 0 {
			return pick(source, "SUN", "mon-fri", "Sat,Sun", "?", "*/1", "0-6")
		}
		return field(0, 6)
	}
	return strings.Join([]string{
		some(90, "*", func() string { return field(0, 59) }),
		some(80, "*", hour),
		some(30, "*", func() string { return field(1, 31) }),
		some(20, "*", func() string { return field(1, 12) }),
		some(40, "*", weekday),
	}, " ")
}

// changes finds the changes of a zone's clocks in a year. Each lies on a quarter of an hour.
// (Time.ZoneBounds does not do: where rules go on for ever it also ends at the end of a year.)
func changes(zone string, year int) (found []time.Time) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	const quarter = 15 * time.Minute
	at := time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).In(location)
	_, before := at.Add(-quarter).Zone()
	for ; at.UTC().Year() == year; at = at.Add(quarter) {
		if _, offset := at.Zone(); offset != before {
			found = append(found, at)
			before = offset
		}
	}
	return found
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

func pick(source *rand.Rand, from ...string) string { return from[source.Intn(len(from))] }

var (
	earliest = time.Date(1996, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2025, 6, 30, 0, 0, 0, 0, time.UTC)
	farAway  = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
)
