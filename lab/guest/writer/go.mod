module understudy/lab/guest/writer

go 1.21
