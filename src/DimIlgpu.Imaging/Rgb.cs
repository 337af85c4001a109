namespace DimIlgpu.Imaging;

/// <summary>A colour in sRGB.</summary>
internal readonly record struct Rgb(byte Red, byte Green, byte Blue);
