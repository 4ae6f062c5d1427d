package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

const (
	partSize    = 8 << 20
	concurrency = 4
)

// A client does what the contenders in Python do, on S3, signed and with bodies hashed.
type client struct {
	http   *http.Client
	signer *signer
	base   string // of the bucket
}

func newClient(at place) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 100
	transport.DisableCompression = true
	return &client{
		http:   &http.Client{Transport: transport},
		signer: newSigner(at.AccessKey, at.SecretKey, at.Region),
		base:   at.URL + "/" + at.Bucket + "/",
	}
}

// send returns an answer of success, whose body the caller closes.
func (c *client) send(method, target string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(
		context.Background(), method, c.base+target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	c.signer.sign(request, body)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		_ = response.Body.Close()
		return nil, fmt.Errorf("%s %s: %s", method, target, response.Status)
	}
	return response, nil
}

// ask returns the body of an answer.
func (c *client) ask(method, target string, body []byte) ([]byte, error) {
	response, err := c.send(method, target, body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.ContentLength < 0 {
		return io.ReadAll(response.Body)
	}
	if method == http.MethodHead {
		return nil, nil
	}
	data := make([]byte, response.ContentLength)
	_, err = io.ReadFull(response.Body, data)
	return data, err
}

func (c *client) put(name string, data []byte) error {
	_, err := c.ask(http.MethodPut, name, data)
	return err
}

func (c *client) get(name string) ([]byte, error) {
	return c.ask(http.MethodGet, name, nil)
}

func (c *client) stat(name string) error {
	_, err := c.ask(http.MethodHead, name, nil)
	return err
}

func (c *client) delete(name string) error {
	_, err := c.ask(http.MethodDelete, name, nil)
	return err
}

// list returns the number of keys in a folder, which fits one page.
func (c *client) list(folder string) (int, error) {
	data, err := c.ask(http.MethodGet, "?list-type=2&prefix="+folder+"%2F", nil)
	if err != nil {
		return 0, err
	}
	var page struct {
		Contents []struct {
			Key, ETag, LastModified string
			Size                    int64
		}
	}
	err = xml.Unmarshal(data, &page)
	return len(page.Contents), err
}

// upload sends chunks in parts, some at a time.
func (c *client) upload(name string, chunks io.Reader) error {
	id, err := c.begin(name)
	if err != nil {
		return err
	}
	var sending sync.WaitGroup
	free := make(chan struct{}, concurrency)
	failures := make(chan error, 1)
	var etags []*string
	for {
		free <- struct{}{}
		part := make([]byte, partSize)
		n, readErr := io.ReadFull(chunks, part)
		if n == 0 {
			break
		}
		etag := new(string)
		etags = append(etags, etag)
		target := fmt.Sprintf("%s?partNumber=%d&uploadId=%s", name, len(etags), id)
		sending.Go(func() {
			defer func() { <-free }()
			response, err := c.send(http.MethodPut, target, part[:n])
			if err != nil {
				select {
				case failures <- err:
				default: // one is enough
				}
				return
			}
			*etag = response.Header.Get("ETag")
			_ = response.Body.Close() // it is empty
		})
		if readErr != nil {
			break
		}
	}
	sending.Wait()
	select {
	case err := <-failures:
		return err
	default:
		return c.complete(name, id, etags)
	}
}

func (c *client) begin(name string) (string, error) {
	data, err := c.ask(http.MethodPost, name+"?uploads=", nil)
	if err != nil {
		return "", err
	}
	var begun struct{ UploadId string }
	err = xml.Unmarshal(data, &begun)
	return begun.UploadId, err
}

func (c *client) complete(name, id string, etags []*string) error {
	var body bytes.Buffer
	body.WriteString("<CompleteMultipartUpload>")
	for i, etag := range etags {
		fmt.Fprintf(&body, "<Part><ETag>%s</ETag><PartNumber>%d</PartNumber></Part>", *etag, i+1)
	}
	body.WriteString("</CompleteMultipartUpload>")
	_, err := c.ask(http.MethodPost, name+"?uploadId="+id, body.Bytes())
	return err
}

// download reads a file in chunks and returns its size.
func (c *client) download(name string) (int64, error) {
	response, err := c.send(http.MethodGet, name, nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	chunk, size := make([]byte, chunkSize), int64(0)
	for {
		n, err := io.ReadFull(response.Body, chunk)
		size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return size, nil
		}
		if err != nil {
			return size, err
		}
	}
}

// answerAll reads a place and then work, line by line, and answers each with a line.
func answerAll(asked io.Reader, answers io.Writer) error {
	lines, out := bufio.NewScanner(asked), json.NewEncoder(answers)
	if !lines.Scan() {
		return lines.Err()
	}
	var at place
	if err := json.Unmarshal(lines.Bytes(), &at); err != nil {
		return err
	}
	host, hello := greet(at)
	if err := out.Encode(hello); err != nil {
		return err
	}
	for lines.Scan() {
		var asked work
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		if err := out.Encode(host.answer(asked)); err != nil {
			return err
		}
	}
	return lines.Err()
}
