module understudy/bench/link

go 1.21
