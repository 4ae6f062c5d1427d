module openviper/benchmarks/native

go 1.26
