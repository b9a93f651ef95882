package main

// zones have changes of the clocks in both directions, at midnight, by half an hour or two hours,
// odd offsets, or none.
var zones = []string{
	"Africa/Cairo", "Africa/Casablanca", "America/Chicago", "America/Havana", "America/New_York",
	"America/Santiago", "America/Sao_Paulo", "Antarctica/Troll", "Asia/Amman", "Asia/Beirut",
	"Asia/Kathmandu", "Asia/Kolkata", "Asia/Seoul", "Asia/Tehran", "Atlantic/Azores",
	"Australia/Lord_Howe", "Europe/Berlin", "Europe/Dublin", "Pacific/Apia", "Pacific/Auckland",
	"Pacific/Chatham", "UTC",
}

// backwards are moments shortly after clocks went back within an hour.
var backwards = []struct{ zone, start, schedule string }{
	{"Pacific/Chatham", "2026-04-04T14:00:03Z", "*/7 */3 * * *"},
	{"America/St_Johns", "2010-11-07T02:31:02Z", "0 0 * * *"},
}

// zonesByRule go on changing their clocks after the end of the tables.
var zonesByRule = []string{"America/New_York", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Auckland"}

var zoneNames = []string{
	"", "UTC", "utc", "Utc", "Zulu", "zulu", "Europe/Berlin", "europe/berlin", "EUROPE/BERLIN",
	"Europe/berlin", "US/Eastern", "us/eastern", "EST5EDT", "est5edt", "EST", "Etc/GMT+5",
	"Etc/GMT-14", "Etc/GMT+15", "Etc/UTC", "Etc/Unknown", "etc/unknown", "GMT0", "GB-Eire",
	"Local", "local", "LOCAL", "LoCaL", ".", "..", "../UTC", "Europe/../UTC", "./UTC", "/UTC", "UTC/",
	"Europe//Berlin", "-UTC", "Europe/-Berlin", "Europe/Berl in", " UTC", "UTC ", "Europe\\Berlin",
	"America/Argentina/ComodRivadavia", "America/Argentina/ComodRivadaviaX", "America/North_Dakota/New_Salem",
	"Europe/Bielefeld", "Europe", "Asia/Calcutta", "Asia/Kolkata", "Asia/Kathmandu", "America/Port-au-Prince",
	"Zürich", "Europe/Zürich", "Europe/Zurich", "PST8PDT", "UTC+1", "CET", "MST7MDT", "W-SU", "NZ-CHAT",
	"Europe/Kyiv", "Europe/Kiev", "Asia/Ho_Chi_Minh", "Antarctica/DumontDUrville", "Factory",
}

var grammar = []string{
	// Weekdays.
	"0 0 * * 0", "0 0 * * 6", "0 0 * * 7", "0 0 * * 5-7", "0 0 * * 0-7", "0 0 * * 1-5", "0 0 * * SUN",
	"0 0 * * sun-tue", "0 0 * * Mon,WED,fRi", "0 0 * * FRI-MON", "0 0 * * 5-1", "0 0 * * Monday",
	"0 0 * * sun/2", "0 0 * * mon-5/2", "0 0 * * 1-fri", "0 0 * * */sun", "0 0 * * fr\u0130", "0 0 * * L",
	"0 0 * * 5L", "0 0 * * 1#2", "0 0 * * 0,7", "0 0 * * -1", "0 0 * * ?", "0 0 * * ?/2",
	// Months and days.
	"0 0 1 jan *", "0 0 1 JAN-mar *", "0 0 1 dec-feb *", "0 0 1 13 *", "0 0 1 0 *", "0 0 1 January *",
	"0 0 1 */5 *", "0 0 1 2/5 *", "0 0 0 * *", "0 0 32 * *", "0 0 31 * *", "0 0 L * *", "0 0 15W * *",
	"0 0 LW * *", "0 0 31 2 *", "0 0 30 2 *", "0 0 29 2 *", "0 0 31 4,6,9,11 *", "0 0 29 2 0", "0 0 29 2 */2",
	"0 0 jan * *", "jan 0 * * *", "0 mon * * *", "0 0 1 mon *", "0 0 1 * jan",
	// The star mark decides between "and" and "or".
	"0 0 13 * 5", "0 0 13 * *", "0 0 * * 5", "0 0 */1 * 5", "0 0 */2 * 5", "0 0 1-31 * 5", "0 0 13 * */1",
	"0 0 13 * */2", "0 0 13 * 0-6", "0 0 ? * 5", "0 0 13 * ?", "0 0 ?/1 * 5", "0 0 *,13 * 5", "0 0 13,* * 5",
	"0 0 1/1 * 5", "0 0 */31 * 5", "0 0 *-5 * 1", "0 0 *-5/2 * 1",
	// Numbers.
	"60 * * * *", "59 * * * *", "* 24 * * *", "* 23 * * *", "05 * * * *", "0005 * * * *", "+5 * * * *",
	"5-+9 * * * *", "*/+9 * * * *", "-5 * * * *", "--5 * * * *", "0x5 * * * *", "5.0 * * * *", "1_0 * * * *",
	"\u0665 * * * *", "9223372036854775807 * * * *", "9223372036854775808 * * * *", "18446744073709551616 * * * *",
	"*/9223372036854775807 * * * *", "*/9223372036854775808 * * * *", "59/9223372036854775807 * * * *",
	"0-9223372036854775808 * * * *", "+ * * * *", "++5 * * * *", "a * * * *", "5a * * * *", "1e1 * * * *",
	// Ranges, steps, lists.
	"*/1 * * * *", "*/15 * * * *", "*/90 * * * *", "*/60 * * * *", "*/59 * * * *", "*/0 * * * *", "*/-1 * * * *",
	"*/-0 * * * *", "*/ * * * *", "/5 * * * *", "*/5/2 * * * *", "5/ * * * *", "5/0 * * * *", "5/15 * * * *",
	"5-59/15 * * * *", "5-10/90 * * * *", "0-59 * * * *", "10-5 * * * *", "5-5 * * * *", "5-60 * * * *",
	"5- * * * *", "- * * * *", "1-2-3 * * * *", "*-5 * * * *", "*-x * * * *", "*-1-2-3 * * * *", "?-5 * * * *",
	"*-5/10 * * * *", "** * * * *", "*5 * * * *", "*? * * * *", "5* * * * *", "? * * * *", "?/7 * * * *",
	"? ? ? ? ?", "1,2 * * * *", "1,,2 * * * *", ",1 * * * *", "1, * * * *", ", * * * *", ",,,, * * * *",
	"* , * * *", "* * , * *", "* * , * 1", "* * , * ,", "* * * , *", "* * * * ,", "* * 1 * ,", "*,5 * * * *",
	"5,* * * * *", "*/2,1 * * * *", "1,1,1 * * * *", "1-3,2-5,4 * * * *", "1;2 * * * *", "~ * * * *", "H * * * *",
	"50/5 * * * *", "0 22-2 * * *", "0 */25 * * *", "@ * * * *", "1/2,3/4 * * * *", "5 / 2 * * *",
	// Shape.
	"", " ", "*", "* *", "* * *", "* * * *", "* * * * *", "* * * * * *", "0 * * * * *", "0 0 0 1 1 * 2030",
	" * * * * *", "* * * * * ", "\t*\t*\n*\r*\v*\f", "*\u00a0*\u2003*\u0085*\u3000*", "*\u200b* * * *",
	"  5   5  *  *  *  ", "* * * * *\x00", "5 5 * * * # comment",
	// Macros.
	"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@Daily", "@DAILY",
	"@reboot", "@minutely", "@", "@daily ", " @daily", "\t@daily", "@daily x", "@every", "@every ", "@every 1h",
	"@every  1h", "@every 1h ", "@every\t1h", "@Every 1h", "@every 1H", "@every 1h30m", "@every 1h 30m",
	"@every 90m", "@every 5400", "@every 0", "@every -0", "@every +0", "@every 0s", "@every 1s", "@every 999ms",
	"@every 1500ms", "@every 1.9s", "@every 59.999999999s", "@every -1h", "@every +1h", "@every --1h", "@every 1d",
	"@every 1w", "@every .5m", "@every 5.m", "@every .m", "@every .", "@every -", "@every +", "@every 1.5h30.5m",
	"@every 1h1h", "@every 1us", "@every 1000000us", "@every 1000000µs", "@every 1000000μs", "@every 1000000000ns",
	"@every 2562047h47m16.854775807s", "@every 2562047h47m16.854775808s", "@every -2562047h47m16.854775808s",
	"@every -2562047h47m16.854775809s", "@every 2562048h", "@every 9223372036854775807ns",
	"@every 9223372036854775808ns", "@every -9223372036854775808ns",
	"@every -9223372036854775808ns9223372036854775808ns", "@every 9223372036854775808ns9223372036854775808ns",
	"@every 0.3333333333333333333h", "@every 0.33333333333333333333333333333h", "@every 0.9223372036854775807h",
	"@every 1.00000000000000000000000000000000001h", "@every 00001h", "@every 1e3s", "@every 1h-30m", "@every ∞",
	"@every 24h", "@every 8760h", "@every 2000ms1s", "@every 1m0.5s", "@every 0.1h", "@every 0.017m",
	// Zones.
	"TZ=UTC 0 5 * * *", "CRON_TZ=UTC 0 5 * * *", "TZ=Asia/Tokyo 0 5 * * *", "CRON_TZ=Asia/Tokyo 0 5 * * *",
	"TZ=asia/tokyo 0 5 * * *", "tz=UTC 0 5 * * *", " TZ=UTC 0 5 * * *", "TZ=UTC", "TZ=", "TZ= 0 5 * * *",
	"TZ= @daily", "TZ=UTC  @daily  ", "TZ=Asia/Tokyo @daily", "TZ=Asia/Tokyo @every 1h", "TZ=Asia/Tokyo\t0 5 * * *",
	"TZ=Nowhere 0 5 * * *", "TZ=../UTC 0 5 * * *", "TZ=/UTC 0 5 * * *", "TZ=Local 0 5 * * *", "TZ=local 0 5 * * *",
	"TZ=UTC TZ=UTC 0 5 * * *", "TZ=UTC 0 5 * *", "TZ=UTC ", "TZ=UTC \t\u00a0 0 5 * * *", "CRON_TZ=UTC", "CRON_TZ=",
	"CRON_TZ", "CRON_TZ=US/Eastern 30 2 * * *", "TZ==UTC 0 5 * * *", "XTZ=UTC 0 5 * * *", "TZ 0 5 * * *",
	"0 5 * * * TZ=UTC", "TZ=Etc/GMT+5 0 5 * * *", "TZ=Asia/Kathmandu 15 0 1 * *", "TZ=Pacific/Chatham 0 0 1 1 *",
}

// daylight are schedules for which a change of the clocks may mean something.
var daylight = []string{
	"* * * * *", "*/17 * * * *", "0 * * * *", "30 * * * *", "0 */2 * * *", "1 0 * * *", "0 0 * * *", "30 0 * * *",
	"0 1 * * *", "30 1 * * *", "15,45 1 * * *", "0 2 * * *", "10 2 * * *", "30 2 * * *", "0 3 * * *", "30 23 * * *",
	"0 23 * * *", "0 9 * * 5", "0 9 * * 0", "0 0 * * 0", "30 0 * * 0", "0 0 * * 5", "30 2 * * 0", "30 23 * * 6",
	"0 0 1 4 *", "30 0 1 4 *", "0 12 1 * *", "0 0 * * 1-5", "*/20 0-3 * * *", "0 1-2 * * 0", "*/30 23,0 * * 4-6",
	"*/7 */3 * * *", "40 */3 * * *",
	"@monthly", "@weekly", "@yearly",
}
