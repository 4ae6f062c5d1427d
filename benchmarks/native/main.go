// A server that keeps objects in memory, and a client that measures what is possible.
//
//	native server PORT   serves S3, Google Cloud Storage and Azure Blob on 127.0.0.1
//	native client        does what lines of JSON ask, as benchmarks/host.py does
package main

import (
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "server":
		log.Fatal(serve(os.Args[2]))
	case len(os.Args) == 2 && os.Args[1] == "client":
		if err := answerAll(os.Stdin, os.Stdout); err != nil {
			log.Fatal(err)
		}
	default:
		log.Fatal("usage: native server PORT | native client")
	}
}

func serve(port string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	buckets := newBuckets()
	s3, gcs, azure := s3Server{buckets}, gcsServer{buckets}, azureServer{buckets}
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		switch {
		case strings.HasPrefix(path, azureAccount):
			azure.handle(w, r)
		case strings.Contains(path, "/storage/v1/b"):
			gcs.handle(w, r)
		default:
			s3.handle(w, r)
		}
	}))
}
