// Command missed-corpus prints what the real CronJob controller of Kubernetes makes of missed starts,
// for tests/offline/missed.rs to compare with. To make the corpus again, in this directory:
//
//	go run . > ../fixtures/missed.txt
//
// The functions it asks are not exported, so the linker is told where they are.
//
// Lines are comments, which start with #, or cases: a word, the zone, metadata.creationTimestamp in
// Unix seconds; then, from there on, lastScheduleTime in seconds or "-", and
// startingDeadlineSeconds or "-", the time of the look in milliseconds, and the schedule as JSON.
// Behind that, what the controller says: the start that is due, in seconds from the creation on, "-"
// or "error"; none, few or many starts missed; and after how many milliseconds it looks again, or "-"
// where its search ended without a start. The word is
//
//	missed  of an ordinary case
//	wraps   where the deadline in nanoseconds is more than sixty-four bits hold
//
// Not among them is what the controller never comes back from. Where the search finds nothing within
// five years it goes on from the year 1, so a leap day's schedule goes round and round about 2100.
// The zones are those that come with the Go toolchain and not the host's, as in tests/cron-corpus, and
// cases end before mid-2025 for the same reason. Pacific/Chatham and Pacific/Apia are left out: there are
// searches that never end.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"
	_ "k8s.io/kubernetes/pkg/controller/cronjob" // is what is asked
)

//go:linkname mostRecentScheduleTime k8s.io/kubernetes/pkg/controller/cronjob.mostRecentScheduleTime
func mostRecentScheduleTime(*batchv1.CronJob, time.Time, cron.Schedule, bool) (time.Time, *time.Time, int, error)

//go:linkname nextScheduleTime k8s.io/kubernetes/pkg/controller/cronjob.nextScheduleTime
func nextScheduleTime(klog.Logger, *batchv1.CronJob, time.Time, cron.Schedule, record.EventRecorder) (*time.Time, error)

//go:linkname nextScheduleTimeDuration k8s.io/kubernetes/pkg/controller/cronjob.nextScheduleTimeDuration
func nextScheduleTimeDuration(*batchv1.CronJob, time.Time, cron.Schedule) *time.Duration

type situation struct {
	zone, schedule string
	created        time.Time
	last           *time.Time
	deadline       *int64
	now            time.Time
}

func main() {
	useBundledZones()
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintf(out, "# Made by tests/missed-corpus (Kubernetes v1.36.3, zones of %s). Do not edit.\n", runtime.Version())
	source := rand.New(rand.NewSource(20160519))
	for _, zone := range zones {
		for count := 0; count < 600; {
			s := random(source, zone)
			if _, due, look := s.ask(); (due != nil && due.After(latest)) || s.now.Add(look).After(latest) {
				continue
			}
			s.print(out, "missed")
			count++
		}
	}
	created := latest.Add(-90 * time.Minute)
	for _, deadline := range []int64{9_223_372_036, 9_223_372_037, 18_446_744_074, 1 << 60, math.MaxInt64} {
		s := situation{"UTC", "0 * * * *", created, nil, &deadline, latest}
		s.print(out, "wraps")
	}
}

// useBundledZones points package time to the database of the Go toolchain, which it otherwise only
// falls back to.
func useBundledZones() {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	must(err)
	path := filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip")
	_, err = os.Stat(path)
	must(err)
	os.Setenv("ZONEINFO", path)
}

// parse reads the schedule as the controller does it for a CronJob with a timeZone.
func (s situation) parse() cron.Schedule {
	parsed, err := cron.ParseStandard("TZ=" + s.zone + " " + s.schedule)
	must(err)
	return parsed
}

func (s situation) cronJob() *batchv1.CronJob {
	cj := &batchv1.CronJob{Spec: batchv1.CronJobSpec{StartingDeadlineSeconds: s.deadline}}
	cj.CreationTimestamp = metav1.NewTime(s.created)
	if s.last != nil {
		cj.Status.LastScheduleTime = &metav1.Time{Time: *s.last}
	}
	return cj
}

// ask asks the controller: what was missed, what is due, and how long to wait.
func (s situation) ask() (missed string, due *time.Time, look time.Duration) {
	cj, parsed, recorder := s.cronJob(), s.parse(), record.NewFakeRecorder(2)
	_, _, class, _ := mostRecentScheduleTime(cj, s.now, parsed, true)
	due, err := nextScheduleTime(klog.Logger{}, cj, s.now, parsed, recorder)
	missed = []string{"none", "few", "many"}[class]
	if warned := len(recorder.Events) > 0; warned != (missed == "many" && due != nil) {
		panic("warns otherwise than tests/offline/missed.rs believes")
	}
	if err != nil {
		missed = "error"
	}
	return missed, due, *nextScheduleTimeDuration(cj, s.now, parsed)
}

func (s situation) print(out *bufio.Writer, word string) {
	missed, due, look := s.ask()
	optional := func(present bool, number func() int64) string {
		if !present {
			return "-"
		}
		return fmt.Sprint(number())
	}
	schedule, err := json.Marshal(s.schedule)
	must(err)
	fmt.Fprintln(out, word, s.zone, s.created.Unix(),
		optional(s.last != nil, func() int64 { return s.last.Unix() - s.created.Unix() }),
		optional(s.deadline != nil, func() int64 { return *s.deadline }),
		s.now.UnixMilli()-s.created.UnixMilli(), string(schedule),
		optional(due != nil, func() int64 { return due.Unix() - s.created.Unix() }), missed,
		// Behind a search without a start follows a wait of minus two thousand years, cut to what a
		// duration holds.
		optional(look > -1000*time.Hour, look.Milliseconds))
}

func random(source *rand.Rand, zone string) situation {
	s := situation{zone: zone, schedule: randomSchedule(source)}
	parsed := s.parse()
	// As many cases of a minute as of a year.
	span := func() time.Duration {
		seconds := math.Exp(source.Float64() * math.Log(10*365*86_400))
		return time.Duration(seconds*1000) * time.Millisecond
	}
	s.now = time.UnixMilli(earliest.UnixMilli() + source.Int63n(latest.UnixMilli()-earliest.UnixMilli())).UTC()
	// Often at a start, or where the controller looks, just behind one.
	if slot := parsed.Next(s.now); !slot.IsZero() && source.Intn(2) == 0 {
		s.now = slot.UTC().Add(time.Duration(pick(source, -1, 0, 0, 1, 100, 100, 100, 5_000)) * time.Millisecond)
	}
	s.created = s.now.Add(-span()).Truncate(time.Second)
	if source.Intn(20) == 0 {
		s.created = s.now.Add(span() / 100).Truncate(time.Second)
	}
	if source.Intn(2) == 0 {
		last := s.now.Add(-span()).Truncate(time.Second)
		if slot := parsed.Next(last); source.Intn(3) > 0 && !slot.IsZero() && slot.Before(s.now) {
			last = slot.UTC()
		}
		s.last = &last
	}
	if source.Intn(2) == 0 {
		deadline := pick(source, 0, 5, 10, 60, 200, 3_600, 86_400, 7*86_400, math.MaxInt32, source.Int63n(100_000))
		s.deadline = &deadline
	}
	return s
}

func randomSchedule(source *rand.Rand) string {
	switch source.Intn(12) {
	case 0:
		return "@every " + pick(source, "1s", "30s", "90s", "5m", "7m30s", "1h", "36h", "1000h")
	case 1:
		return pick(source, "@hourly", "@daily", "@weekly", "@monthly", "@yearly")
	case 2:
		return pick(source, "30 10,11,12 * * 1-5", "30 6-16/4 * * 1-5", "0 0 31 2 *", "0 0 29 2 *",
			"* 0-3 1 1 *", "0 0 31 * *", "59 23 30,31 * *", "0 9 1-7 * 1", "* * 29 2 *")
	}
	number := func(least, most int) string { return fmt.Sprint(least + source.Intn(most-least+1)) }
	minute := pick(source, "*", "*/5", "*/7", "0", "30", "0,1", "10-12", number(0, 59), number(0, 59)+","+number(0, 59))
	hour := pick(source, "*", "*", "*", "*/2", "*/7", "0", "1-3", "2", "22-23", number(0, 23), number(0, 23)+","+number(0, 23))
	day := pick(source, "*", "*", "*", "*", "*/2", "1", number(1, 31))
	month := pick(source, "*", "*", "*", "*", "*", "3,10", number(1, 12))
	weekday := pick(source, "*", "*", "*", "*", "1-5", "0", number(0, 6))
	return strings.Join([]string{minute, hour, day, month, weekday}, " ")
}

func pick[T any](source *rand.Rand, from ...T) T { return from[source.Intn(len(from))] }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// zones have changes of the clocks in both directions, at midnight, by half an hour or two hours, or
// none.
var zones = []string{
	"Africa/Cairo", "America/Chicago", "America/Havana", "America/New_York", "America/Santiago",
	"America/Sao_Paulo", "Antarctica/Troll", "Asia/Beirut", "Asia/Kathmandu", "Asia/Kolkata",
	"Asia/Tehran", "Atlantic/Azores", "Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin",
	"Pacific/Auckland", "UTC",
}

var (
	earliest = time.Date(1996, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2025, 6, 30, 0, 0, 0, 0, time.UTC)
)
